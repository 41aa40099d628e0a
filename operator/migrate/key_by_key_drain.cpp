#include <fmt/format.h>

#include <algorithm>

#include "migrate/classify.h"
#include "migrate/key_by_key_engine.h"

namespace rebalance::key_by_key {

Step KeyByKey::begin_drain() {
  work_.drain.add(work_.closed);
  work_.drain.add(work_.reopen);
  work_.closed = work_.reopen = {};
  if (work_.drain.empty() && !work_.tell.empty()) return own_source();
  if (work_.drain.empty()) return untold_.empty() ? Step(std::nullopt) : tell_others();
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
    if (!too_big(key.slot, key.bytes)) continue;
    blocked_.add(key.slot);
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

// ---- backing out of slots whose key may not move ----

Step KeyByKey::back_out() {
  closing_ = {};
  for_each_slot(blocked_, [&](Slot slot) {
    if (drain_.moved(slot) == 0) closing_.add(slot);
  });
  if (!closing_.empty()) {
    Ask next{Side::kTarget, {}};
    for_each_slot(closing_, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
    return ask(Stage::kBackOutCheck, std::move(next));
  }
  return go_forward(blocked_);
}

// Keys of these are on the target: to close them would hide those.
Step KeyByKey::go_forward(const SlotSet& slots) {
  SlotSet fresh = slots;
  fresh.remove(forward_);
  if (fresh.empty()) {
    const auto slot = slots.ranges().front().first;
    return error(ErrorCode::kRefused,
                 fmt::format("slots {} stay open, part of their keys are on {}: {}", slots.text(),
                             job_.target.name, too_big_reason(blocking_bytes_[slot])));
  }
  forward_.add(fresh);
  blocked_.remove(fresh);
  for_each_slot(fresh, [&](Slot slot) { work_.counts[slot] = KeyList::kLongestList; });
  return work_on();
}

Step KeyByKey::backed_out_check(const Replies& replies) {
  std::size_t next = 0;
  for_each_slot(SlotSet(closing_), [&](Slot slot) {
    const auto& reply = replies[next++];
    if (!reply.is_integer() || reply.integer != 0) closing_.remove(slot);
  });
  if (!closing_.empty()) return ask_for_each(Stage::kBackOutSource, Side::kSource, closing_, "STABLE", {});
  return go_forward(blocked_);
}

Step KeyByKey::backed_out_source(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("SETSLOT STABLE on " + job_.source.name, wrong->text);
  return ask_for_each(Stage::kBackOutTarget, Side::kTarget, closing_, "STABLE", {});
}

Step KeyByKey::backed_out_target(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("SETSLOT STABLE on " + job_.target.name, wrong->text);
  for_each_slot(SlotSet(closing_), [&](Slot slot) {
    skip_too_big(slot, blocking_bytes_[slot]);
    work_.drain.remove(slot);
    blocked_.remove(slot);
  });
  closing_ = {};
  return work_.drain.empty() ? tell_others() : work_on();
}

}  // namespace rebalance::key_by_key
