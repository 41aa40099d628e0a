#include "migrate/key_by_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "migrate/classify.h"
#include "migrate/drain.h"
#include "migrate/expiry.h"
#include "migrate/key_list.h"
#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;
using Step = Result<std::optional<Ask>>;
using Replies = std::vector<Reply>;

constexpr Millis kStopWithin = 5s;
// Before 7.2 each SETSLOT NODE on the target is told to all nodes by a message of its own; each makes them go
// through all slots (some 50 us) and write nodes.conf. Measured on 7.0: 4 at once keep the clients' p99.9
// where redis-cli has it, 16 and 64 double it, and none is faster.
constexpr int kOwnAtOnce = 4;
constexpr Bytes kLargestDump =
    512 * kMiB;  // proto-max-bulk-len's default: a longer argument breaks the connection

enum class Stage {
  kLookTarget,
  kLookSource,
  kScan,         // sizes of the keys of closed slots
  kOpenTarget,   // IMPORTING, read back
  kCloseUnused,  // slots that the target already has keys of
  kOpenSource,   // MIGRATING, read back
  kList,
  kMove,
  kConfirm,  // the source empty, primary, the same and still MIGRATING, in one transaction
  kOwnTarget,
  kOwnSource,
  kOwnOthers,
  kBackOutCheck,  // slots with a key that may not move, none of whose keys moved yet
  kBackOutSource,
  kBackOutTarget,
};

class KeyByKey final : public GroupEngine {
 public:
  KeyByKey(GroupJob job, Pace& pace)
      : job_(std::move(job)), pace_(pace), drain_(job_, pace), todo_(job_.slots), proven_(job_.proven) {
    drain_.trust(proven_);
  }

  Ask start() override { return *look(0ms); }
  Step step(const Event& event) override;
  Progress progress() const override { return {done_.size(), drain_.keys(), drain_.bytes(), retries_}; }
  SlotSet done() const override { return done_; }
  SlotSet left_open() const override { return open_; }
  std::vector<SkippedSlot> skipped() const override { return skipped_; }

 private:
  // What is to be done for the slots of todo_, as the last look found them.
  struct Work {
    SlotSet closed;                       // to open: IMPORTING, MIGRATING
    SlotSet reopen;                       // MIGRATING, but the target lost IMPORTING
    SlotSet drain;                        // open on both sides
    SlotSet tell;                         // the target owns it, the source has not heard
    std::map<Slot, std::int64_t> counts;  // keys on the source
  };

  std::optional<Ask> look(Millis wait);
  Step answered(const Replies& replies, const Answer& answer);
  Step looked_at_target(const Replies& replies);
  Step looked_at_source(const Replies& replies);
  Status check_roles() const;
  Status sort_slot(Slot slot);
  Step scan();
  Step scanned(const Replies& replies);
  Step open_target();
  Step opened_target(const Replies& replies);
  Step closed_unused(const Replies& replies);
  Step open_source();
  Step opened_source(const Replies& replies);
  Step begin_drain();
  Step work_on();
  Step listed(const Replies& replies);
  Step moved(const Answer& answer);
  Step confirm();
  Step confirmed(const Replies& replies);
  Step give_away(const std::map<Slot, std::int64_t>& counts);
  Step own_target();
  Step owned_by_target(const Replies& replies);
  Step own_source();
  Step told_source(const Replies& replies);
  Step told_others();
  Step back_out();
  Step backed_out_check(const Replies& replies);
  Step backed_out_source(const Replies& replies);
  Step backed_out_target(const Replies& replies);

  Step ask(Stage stage, Ask ask);
  Step ask_for_each(Stage stage, Side side, const SlotSet& slots, const char* state, const NodeId& node,
                    bool ownership = false);
  Step retry(const std::string& why);
  Step failed(const std::string& what, const std::string& text);
  Step troubled(const std::string& what, const std::string& text);
  Step stop();
  void skip(Slot slot, std::string reason);
  bool too_big(Bytes bytes) const;
  std::string too_big_reason(Bytes bytes) const;
  Millis remaining() const;

  GroupJob job_;
  Pace& pace_;
  KeyList keys_;
  Drain drain_;
  SlotSet todo_, done_, open_, proven_;
  SlotSet unused_;   // to be closed again on the target
  SlotSet blocked_;  // open, with a key that may not move
  SlotSet closing_;  // confirmed empty: ownership is on its way
  std::map<Slot, Bytes> blocking_bytes_;
  Work work_;
  OwnView source_, target_;
  std::vector<SkippedSlot> skipped_;
  Stage stage_ = Stage::kLookTarget;
  Ask pending_;
  int tries_ = 0, retries_ = 0;
  std::int64_t keys_at_last_try_ = 0;
  bool stopping_ = false;
  std::chrono::microseconds since_stop_{0};
};

// ---- events ----

Step KeyByKey::step(const Event& event) {
  if (std::holds_alternative<StopAsked>(event)) return stop();
  if (const auto* unknown = std::get_if<OutcomeUnknown>(&event)) return retry(unknown->why);
  const auto& answer = std::get<Answer>(event);
  if (pending_.side != Side::kOthers && answer.replies.size() != pending_.commands.size()) {
    return error(ErrorCode::kInternal, "an answer that does not fit what was asked");
  }
  if (stopping_) since_stop_ += answer.elapsed;
  return answered(answer.replies, answer);
}

Step KeyByKey::answered(const Replies& replies, const Answer& answer) {
  switch (stage_) {
    case Stage::kLookTarget: return looked_at_target(replies);
    case Stage::kLookSource: return looked_at_source(replies);
    case Stage::kScan: return scanned(replies);
    case Stage::kOpenTarget: return opened_target(replies);
    case Stage::kCloseUnused: return closed_unused(replies);
    case Stage::kOpenSource: return opened_source(replies);
    case Stage::kList: return listed(replies);
    case Stage::kMove: return moved(answer);
    case Stage::kConfirm: return confirmed(replies);
    case Stage::kOwnTarget: return owned_by_target(replies);
    case Stage::kOwnSource: return told_source(replies);
    case Stage::kOwnOthers: return told_others();
    case Stage::kBackOutCheck: return backed_out_check(replies);
    case Stage::kBackOutSource: return backed_out_source(replies);
    case Stage::kBackOutTarget: return backed_out_target(replies);
  }
  return error(ErrorCode::kInternal, "an answer that nothing asked for");
}

// Ownership that is on its way is finished in any case; open slots if that is quick; what is not open does
// not start.
Step KeyByKey::stop() {
  stopping_ = true;
  if (open_.empty()) return std::nullopt;
  const bool owning = stage_ >= Stage::kConfirm;
  if (owning || remaining() < kStopWithin) return pending_;
  return std::nullopt;
}

Millis KeyByKey::remaining() const {
  std::int64_t keys = 0;
  for_each_slot(open_, [&](Slot slot) {
    const auto found = work_.counts.find(slot);
    if (found != work_.counts.end()) keys += std::max<std::int64_t>(0, found->second);
  });
  const Bytes mean = drain_.keys() > 0 ? drain_.bytes() / drain_.keys() : kKiB;
  return pace_.stall(keys * (mean + kKiB)) *
         2;  // a small key costs about as much as a KiB, round trips as much again
}

// ---- looking: where a group starts, and starts again after anything unclear ----

std::optional<Ask> KeyByKey::look(Millis wait) {
  drain_.forget();
  work_ = {};
  stage_ = Stage::kLookTarget;
  pending_ = Ask{Side::kTarget, {cluster_nodes()}};
  pending_.wait = wait;
  return pending_;
}

Step KeyByKey::looked_at_target(const Replies& replies) {
  auto view = own_view(replies[0]);
  if (!view) return troubled("looking at the target", replies[0].text);
  target_ = std::move(*view);
  Ask next{Side::kSource, {cluster_nodes(), {"INFO", "keyspace"}}};
  for_each_slot(todo_, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  return ask(Stage::kLookSource, std::move(next));
}

Step KeyByKey::looked_at_source(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("looking at the source", reply.text);
  }
  TRY(view, own_view(replies[0]));
  source_ = std::move(view);
  for (int database = 1; database < 16; ++database) {
    if (info_field(replies[1], "db" + std::to_string(database)).empty()) continue;
    return error(
        ErrorCode::kRefused,
        fmt::format("{} holds keys in database {}: key by key moves database 0 only; use the atomic engine",
                    job_.source.name, database));
  }
  keys_.expect_expiries(some_expire(replies[1]));
  std::size_t next = 2;
  for_each_slot(todo_, [&](Slot slot) { work_.counts[slot] = replies[next++].integer; });
  TRY_OK(check_roles());
  Status sorted;
  for_each_slot(SlotSet(todo_), [&](Slot slot) {
    if (sorted) sorted = sort_slot(slot);
  });
  if (!sorted) return std::unexpected(sorted.error());
  if (stopping_) work_.closed = {};
  return work_.closed.empty() ? open_target() : scan();
}

Status KeyByKey::check_roles() const {
  if (target_.role != Role::kPrimary) {
    return error(ErrorCode::kConflict,
                 fmt::format("{} is no primary any more: it failed over", job_.target.name));
  }
  return {};  // a source that gave its last slot away may have become a replica: sort_slot() sees that it
              // owns nothing
}

Status KeyByKey::sort_slot(Slot slot) {
  const bool target_owns = target_.slots.contains(slot), source_owns = source_.slots.contains(slot);
  const bool migrating = source_.migrating.contains(slot), importing = target_.importing.contains(slot);
  if (target_owns && source_owns && work_.counts[slot] > 0) {
    return error(
        ErrorCode::kConflict,
        fmt::format(
            "slot {} belongs to both {} and {}, and the latter still holds {} keys of it: run a Repair", slot,
            job_.target.name, job_.source.name, work_.counts[slot]));
  }
  if (target_owns) {
    if (source_owns || migrating) {
      add_slot(work_.tell, slot);
      return {};
    }
    add_slot(done_, slot);
    remove_slot(todo_, slot);
    remove_slot(open_, slot);
    return {};
  }
  if (!source_owns) {
    return error(ErrorCode::kConflict, fmt::format("slot {} belongs neither to {} nor to {}", slot,
                                                   job_.source.name, job_.target.name));
  }
  const bool foreign = (migrating && source_.migrating[slot] != job_.target.id) ||
                       (importing && target_.importing[slot] != job_.source.id);
  const bool ours = open_.contains(slot) || job_.adopted.contains(slot);
  if (foreign || ((migrating || importing) && !ours)) {
    return error(ErrorCode::kConflict, fmt::format("slot {} is open on {} or {} and not by this run: "
                                                   "somebody else moves it, or left it; run a Repair",
                                                   slot, job_.source.name, job_.target.name));
  }
  if (migrating || importing) add_slot(open_, slot);
  add_slot(migrating ? (importing ? work_.drain : work_.reopen) : work_.closed, slot);
  if (!migrating && !importing) remove_slot(open_, slot);
  return {};
}

// ---- sizes first: a slot with a key that may not move is not opened ----

Step KeyByKey::scan() {
  std::map<Slot, std::int64_t> limits;
  for_each_slot(work_.closed, [&](Slot slot) {
    if (work_.counts[slot] > 0) limits[slot] = work_.counts[slot];
  });
  keys_.start(limits);
  auto next = keys_.next();
  return next ? ask(Stage::kScan, std::move(*next)) : open_target();
}

Step KeyByKey::scanned(const Replies& replies) {
  if (const auto taken = keys_.take(replies); !taken) return troubled("sizing keys", taken.error().message);
  if (auto next = keys_.next()) return ask(Stage::kScan, std::move(*next));
  for (const auto& key : keys_.found()) {
    if (!too_big(key.bytes) || !work_.closed.contains(key.slot)) continue;
    remove_slot(work_.closed, key.slot);
    if (!open_.contains(key.slot)) skip(key.slot, too_big_reason(key.bytes));
  }
  return open_target();
}

bool KeyByKey::too_big(Bytes bytes) const {
  return bytes > kLargestDump || pace_.stall(bytes) >= job_.node_timeout / 2;
}

std::string KeyByKey::too_big_reason(Bytes bytes) const {
  return fmt::format(
      "a key of {} would stall {} for about {:.1f} s, too near to cluster-node-timeout ({:.0f} s): the slot "
      "stays",
      human_bytes(bytes), job_.source.name, std::chrono::duration<double>(pace_.stall(bytes)).count(),
      std::chrono::duration<double>(job_.node_timeout).count());
}

void KeyByKey::skip(Slot slot, std::string reason) {
  remove_slot(todo_, slot);
  remove_slot(open_, slot);
  skipped_.push_back({slot, std::move(reason)});
}

// ---- opening ----

Step KeyByKey::open_target() {
  SlotSet opening = work_.closed;
  opening.add(work_.reopen);
  if (opening.empty()) return begin_drain();
  Ask next{Side::kTarget, {}};
  for_each_slot(opening,
                [&](Slot slot) { next.commands.push_back(setslot(slot, "IMPORTING", job_.source.id)); });
  for_each_slot(work_.closed, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  next.commands.push_back(cluster_nodes());
  next.writes = true;
  open_.add(opening);
  return ask(Stage::kOpenTarget, std::move(next));
}

Step KeyByKey::opened_target(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT IMPORTING on " + job_.target.name, reply.text);
  }
  TRY(view, own_view(replies.back()));
  SlotSet opening = work_.closed, unmarked;
  opening.add(work_.reopen);
  for_each_slot(opening, [&](Slot slot) {
    const auto mark = view.importing.find(slot);
    if (mark == view.importing.end() || mark->second != job_.source.id) add_slot(unmarked, slot);
  });
  if (!unmarked.empty())
    return retry(fmt::format("{} does not mark slots {} as importing", job_.target.name, unmarked.text()));
  auto reply = replies.begin() + opening.size();
  unused_ = {};
  for_each_slot(SlotSet(work_.closed), [&](Slot slot) {
    const auto keys = (reply++)->integer;
    add_slot(keys == 0 ? proven_ : unused_, slot);
    if (keys > 0) remove_slot(work_.closed, slot);
  });
  drain_.trust(proven_);
  if (unused_.empty()) return open_source();
  return ask_for_each(Stage::kCloseUnused, Side::kTarget, unused_, "STABLE", {});
}

// The mark was ours and the source never sent anybody there: closing it hides nothing that was reachable.
Step KeyByKey::closed_unused(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT STABLE on " + job_.target.name, reply.text);
  }
  for_each_slot(SlotSet(unused_), [&](Slot slot) {
    skip(slot, fmt::format("{} already holds keys of it without owning it: run a Repair", job_.target.name));
  });
  unused_ = {};
  return open_source();
}

Step KeyByKey::open_source() {
  if (work_.closed.empty()) return begin_drain();
  Ask next{Side::kSource, {}};
  for_each_slot(work_.closed,
                [&](Slot slot) { next.commands.push_back(setslot(slot, "MIGRATING", job_.target.id)); });
  next.commands.push_back(cluster_nodes());
  next.writes = true;
  return ask(Stage::kOpenSource, std::move(next));
}

Step KeyByKey::opened_source(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT MIGRATING on " + job_.source.name, reply.text);
  }
  TRY(view, own_view(replies.back()));
  SlotSet unmarked;
  for_each_slot(work_.closed, [&](Slot slot) {
    const auto mark = view.migrating.find(slot);
    if (mark == view.migrating.end() || mark->second != job_.target.id) add_slot(unmarked, slot);
  });
  if (!unmarked.empty())
    return retry(fmt::format("{} does not mark slots {} as migrating", job_.source.name, unmarked.text()));
  return begin_drain();
}

// ---- draining ----

Step KeyByKey::begin_drain() {
  work_.drain.add(work_.closed);
  work_.drain.add(work_.reopen);
  work_.closed = work_.reopen = {};
  if (work_.drain.empty()) return work_.tell.empty() ? Step(std::nullopt) : own_source();
  return work_on();
}

Step KeyByKey::work_on() {
  if (stopping_ && since_stop_ > kStopWithin) return std::nullopt;
  if (auto next = drain_.next()) return ask(Stage::kMove, std::move(*next));
  std::map<Slot, std::int64_t> limits;
  for_each_slot(work_.drain, [&](Slot slot) {
    if (work_.counts[slot] > 0 && !blocked_.contains(slot)) limits[slot] = work_.counts[slot] + 16;
  });
  if (limits.empty()) return confirm();
  keys_.start(limits);
  return ask(Stage::kList, *keys_.next());
}

Step KeyByKey::listed(const Replies& replies) {
  if (const auto taken = keys_.take(replies); !taken) return troubled("listing keys", taken.error().message);
  if (auto next = keys_.next()) return ask(Stage::kList, std::move(*next));
  for (const auto& [slot, keys] : keys_.listed()) {
    if (keys < KeyList::kLongestList) work_.counts[slot] = 0;  // all that there is: confirm() counts again
  }
  auto found = keys_.found();
  for (const auto& key : found) {
    if (!too_big(key.bytes)) continue;
    add_slot(blocked_, key.slot);
    blocking_bytes_[key.slot] = std::max(blocking_bytes_[key.slot], key.bytes);
  }
  std::erase_if(found, [&](const SizedKey& key) { return blocked_.contains(key.slot); });
  drain_.add(std::move(found));
  return work_on();
}

Step KeyByKey::moved(const Answer& answer) {
  const auto trouble = drain_.take(answer);
  if (!trouble) return work_on();
  switch (trouble->meaning) {
    case Failure::kTransient:
    case Failure::kUnknown:
    case Failure::kMoved:
    case Failure::kAtomicTask: return retry("MIGRATE: " + trouble->text);
    case Failure::kBusyKey: return error(ErrorCode::kConflict, trouble->text);
    default: return failed("MIGRATE", trouble->text);
  }
}

// ---- ownership ----

Step KeyByKey::confirm() {
  SlotSet ready = work_.drain, empty;
  ready.remove(blocked_);
  if (ready.empty()) return back_out();
  for_each_slot(ready, [&](Slot slot) {
    if (empty.size() < kOwnAtOnce) add_slot(empty, slot);
  });
  Ask next{Side::kSource, {{"MULTI"}}};
  for_each_slot(empty, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  next.commands.insert(next.commands.end(), {{"ROLE"}, {"INFO", "server"}, cluster_nodes(), {"EXEC"}});
  next.ownership = true;
  closing_ = empty;
  return ask(Stage::kConfirm, std::move(next));
}

Step KeyByKey::confirmed(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("reading the source before its slots are given away", reply.text);
  }
  const auto& items = replies.back().items;
  const auto slots = static_cast<std::size_t>(closing_.size());
  if (items.size() != slots + 3) return error(ErrorCode::kInternal, "EXEC answered less than was asked");
  for (const auto& item : items) {
    if (item.is_error()) return troubled("reading the source before its slots are given away", item.text);
  }
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
    if (mark == view.migrating.end() || mark->second != job_.target.id) add_slot(unmarked, slot);
  });
  if (unmarked.empty()) return give_away(counts);
  return error(ErrorCode::kConflict,
               fmt::format("slots {} are no longer marked migrating on {}: somebody repaired them",
                           unmarked.text(), job_.source.name));
}

Step KeyByKey::give_away(const std::map<Slot, std::int64_t>& counts) {
  for (const auto& [slot, keys] : counts) {
    work_.counts[slot] = keys;
    if (keys > 0) remove_slot(closing_, slot);
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
  return ask_for_each(Stage::kOwnTarget, Side::kTarget, closing_, "NODE", job_.target.id, true);
}

Step KeyByKey::owned_by_target(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT NODE on " + job_.target.name, reply.text);
  }
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
  return ask_for_each(Stage::kOwnOthers, Side::kOthers, work_.tell, "NODE", job_.target.id);
}

Step KeyByKey::told_others() {
  done_.add(work_.tell);
  todo_.remove(work_.tell);
  open_.remove(work_.tell);
  work_.tell = closing_ = {};
  tries_ = 0;
  if (!work_.drain.empty()) return work_on();
  return todo_.empty() || stopping_ ? Step(std::nullopt) : Step(look(0ms));
}

// ---- backing out of slots whose key may not move ----

Step KeyByKey::back_out() {
  closing_ = {};
  for_each_slot(blocked_, [&](Slot slot) {
    if (drain_.moved(slot) == 0) add_slot(closing_, slot);
  });
  if (!closing_.empty()) {
    Ask next{Side::kTarget, {}};
    for_each_slot(closing_, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
    return ask(Stage::kBackOutCheck, std::move(next));
  }
  const auto slot = blocked_.ranges().front().first;
  return error(ErrorCode::kRefused, fmt::format("slots {} stay open, part of their keys have moved: {}",
                                                blocked_.text(), too_big_reason(blocking_bytes_[slot])));
}

Step KeyByKey::backed_out_check(const Replies& replies) {
  std::size_t next = 0;
  for_each_slot(SlotSet(closing_), [&](Slot slot) {
    const auto& reply = replies[next++];
    if (!reply.is_integer() || reply.integer != 0) remove_slot(closing_, slot);
  });
  if (!closing_.empty()) return ask_for_each(Stage::kBackOutSource, Side::kSource, closing_, "STABLE", {});
  return error(
      ErrorCode::kRefused,
      fmt::format("slots {} stay open, clients have written new keys of them to {}: {}", blocked_.text(),
                  job_.target.name, too_big_reason(blocking_bytes_[blocked_.ranges().front().first])));
}

Step KeyByKey::backed_out_source(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT STABLE on " + job_.source.name, reply.text);
  }
  return ask_for_each(Stage::kBackOutTarget, Side::kTarget, closing_, "STABLE", {});
}

Step KeyByKey::backed_out_target(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT STABLE on " + job_.target.name, reply.text);
  }
  for_each_slot(SlotSet(closing_), [&](Slot slot) {
    skip(slot, too_big_reason(blocking_bytes_[slot]));
    remove_slot(work_.drain, slot);
    remove_slot(blocked_, slot);
  });
  closing_ = {};
  return work_.drain.empty() ? told_others() : work_on();
}

// ---- asking, and asking again ----

Step KeyByKey::ask(Stage stage, Ask ask) {
  stage_ = stage;
  pending_ = std::move(ask);
  return pending_;
}

Step KeyByKey::ask_for_each(Stage stage, Side side, const SlotSet& slots, const char* state,
                            const NodeId& node, bool ownership) {
  Ask next{side, {}};
  for_each_slot(slots, [&](Slot slot) {
    next.commands.push_back(node.empty() ? setslot_stable(slot) : setslot(slot, state, node));
  });
  next.writes = true;
  next.ownership = ownership;
  return ask(stage, std::move(next));
}

Step KeyByKey::retry(const std::string& why) {
  if (drain_.keys() > keys_at_last_try_) tries_ = 0;
  keys_at_last_try_ = drain_.keys();
  ++retries_;
  if (++tries_ > job_.attempts) {
    return error(
        ErrorCode::kTimeout,
        fmt::format("moving slots {} from {} to {}: gave up after {} tries without progress; the last: {}",
                    todo_.text(), job_.source.name, job_.target.name, tries_, why));
  }
  return look(std::min<Millis>(100ms * (1 << (tries_ - 1)), 5s));
}

// What passes is looked at again; what does not ends the group with the server's words.
Step KeyByKey::troubled(const std::string& what, const std::string& text) {
  switch (classify(text)) {
    case Failure::kTransient:
    case Failure::kUnknown:
    case Failure::kMoved:
    case Failure::kAlreadyOwner:
    case Failure::kAtomicTask: return retry(what + ": " + text);
    default: return failed(what, text);
  }
}

Step KeyByKey::failed(const std::string& what, const std::string& text) {
  const auto meaning = classify(text);
  const bool refused = meaning == Failure::kCredentials || meaning == Failure::kOutOfMemory;
  return error(refused ? ErrorCode::kRefused : ErrorCode::kConflict,
               fmt::format("{} failed while slots {} moved from {} to {}: {}", what, todo_.text(),
                           job_.source.name, job_.target.name, text));
}

}  // namespace

std::unique_ptr<GroupEngine> make_key_by_key(GroupJob job, Pace& pace) {
  return std::make_unique<KeyByKey>(std::move(job), pace);
}

}  // namespace rebalance
