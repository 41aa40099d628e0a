#include <fmt/format.h>

#include <utility>

#include "migrate/classify.h"
#include "migrate/key_by_key_engine.h"

namespace rebalance::key_by_key {

namespace {

// Slots that are given to the target at once. Before 7.2 each SETSLOT NODE on the target is told to all nodes
// by a message of its own; each makes them go through all slots (some 50 us) and write nodes.conf. Measured
// on 7.0: 4 at once keep the clients' p99.9 where redis-cli has it, 16 and 64 double it, and none is faster.
constexpr int kOwnAtOnce = 4;

// After when_no_failover(), which our user may not be allowed to ask: then it goes without.
const Reply* trouble_of(std::span<const Reply> replies) {
  const bool without = !replies.empty() && replies.front().is_error("NOPERM");
  return first_error(replies.subspan(without ? 1 : 0));
}

}  // namespace

Step KeyByKey::confirm() {
  SlotSet ready = work_.drain;
  ready.remove(blocked_);
  if (ready.empty()) return back_out();
  closing_ = first_slots(ready, kOwnAtOnce);
  Ask next{Side::kSource, {when_no_failover(), {"MULTI"}}};
  for_each_slot(closing_, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  next.commands.insert(next.commands.end(), {{"ROLE"}, {"INFO", "server"}, cluster_nodes(), {"EXEC"}});
  next.ownership = true;
  return ask(Stage::kConfirm, std::move(next));
}

Step KeyByKey::confirmed(const Replies& replies) {
  if (const auto* wrong = trouble_of(replies))
    return troubled("reading the source before its slots are given away", wrong->text);
  const auto& items = replies.back().items;
  const auto slots = static_cast<std::size_t>(closing_.size());
  if (items.size() != slots + 3) return error(ErrorCode::kInternal, "EXEC answered less than was asked");
  if (const auto* wrong = first_error(items))
    return troubled("reading the source before its slots are given away", wrong->text);
  const auto& role = items[slots];
  if (role.items.empty() || role.items[0].text != "master") {
    return error(ErrorCode::kConflict,
                 fmt::format("{} is no primary any more: it failed over", job_.source.name));
  }
  if (info_field(items[slots + 1], "run_id") != job_.source.run_id) {
    return error(ErrorCode::kUnavailable,
                 fmt::format("{} restarted while its slots were moving", job_.source.name));
  }
  TRY(view, own_view(items[slots + 2]));
  std::map<Slot, std::int64_t> counts;
  SlotSet unmarked;
  std::size_t next = 0;
  for_each_slot(closing_, [&](Slot slot) {
    counts[slot] = items[next].is_integer() ? items[next].integer : 1;
    ++next;
    const auto mark = view.migrating.find(slot);
    if (mark == view.migrating.end() || mark->second != job_.target.id) unmarked.add(slot);
  });
  if (unmarked.empty()) return give_away(counts);
  return error(ErrorCode::kConflict,
               fmt::format("slots {} are no longer marked migrating on {}: somebody repaired them",
                           unmarked.text(), job_.source.name));
}

Step KeyByKey::give_away(const std::map<Slot, std::int64_t>& counts) {
  for (const auto& [slot, keys] : counts) {
    work_.counts[slot] = keys;
    if (keys > 0) closing_.remove(slot);
  }
  if (!closing_.empty()) return own_target();
  // Keys that were listed before and are still there: without progress this is a try.
  if (drain_.keys() > keys_at_last_try_) {
    keys_at_last_try_ = drain_.keys();
    return work_on();
  }
  return retry(fmt::format("keys of slots {} stay on {}", work_.drain.text(), job_.source.name));
}

Step KeyByKey::own_target() {
  Ask next{Side::kTarget, setslot_each(closing_, "NODE", job_.target.id)};
  next.commands.insert(next.commands.begin(), when_no_failover());
  next.writes = next.ownership = true;
  return ask(Stage::kOwnTarget, std::move(next));
}

Step KeyByKey::owned_by_target(const Replies& replies) {
  if (const auto* wrong = trouble_of(replies))
    return troubled("SETSLOT NODE on " + job_.target.name, wrong->text);
  work_.drain.remove(closing_);
  work_.tell.add(closing_);
  return own_source();
}

Step KeyByKey::own_source() {
  return ask_for_each(Stage::kOwnSource, Side::kSource, work_.tell, "NODE", job_.target.id, true);
}

Step KeyByKey::told_source(const Replies& replies) {
  for (const auto& reply : replies) {
    // The source that lost its last slot is a replica by now, and hears of the owner like any other.
    if (!reply.is_error() || classify(reply.text) == Failure::kNotPrimary) continue;
    return troubled("SETSLOT NODE on " + job_.source.name, reply.text);
  }
  done_.add(work_.tell);
  todo_.remove(work_.tell);
  open_.remove(work_.tell);
  untold_.add(work_.tell);
  work_.tell = closing_ = {};
  tries_ = 0;
  return work_.drain.empty() ? tell_others() : work_on();
}

// Once a group: each telling makes every other primary write nodes.conf, and after each four slots it was a
// fifth of all round trips' time on 7.0. Meanwhile they redirect to the source, which knows better.
Step KeyByKey::tell_others() {
  if (untold_.empty()) return told_others();
  return ask_for_each(Stage::kOwnOthers, Side::kOthers, std::exchange(untold_, {}), "NODE", job_.target.id);
}

Step KeyByKey::told_others() {
  return todo_.empty() || stopping_ ? Step(std::nullopt) : Step(look(Millis(0)));
}

}  // namespace rebalance::key_by_key
