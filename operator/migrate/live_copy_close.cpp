#include <fmt/format.h>

#include <utility>

#include "migrate/classify.h"
#include "migrate/live_copy_engine.h"

namespace rebalance::live_copy {

// What the source gave becomes the target's; what stays is cleaned; the others are told.

// After a look some may be the target's already. Above maxmemory a server queues nothing for a transaction,
// and takes slots all the same.
Step LiveCopy::own_target() {
  SlotSet missing = handed_;
  missing.remove(target_.slots);
  if (missing.empty()) return tell_source();
  Ask next{Side::kTarget, take_slots(missing, job_.target.id)};
  if (one_by_one_) {
    next.commands = setslot_each(missing, "NODE", job_.target.id);
    next.commands.insert(next.commands.begin(), when_no_failover());
  }
  next.writes = next.ownership = true;
  return ask(Stage::kOwnTarget, std::move(next));
}

Step LiveCopy::owned_by_target(const Replies& replies) {
  const auto what = "SETSLOT NODE on " + job_.target.name;
  if (const auto* wrong = first_error(replies)) {
    const bool full = classify(wrong->text) == Failure::kOutOfMemory;
    return full && !std::exchange(one_by_one_, true) ? own_target() : troubled(what, wrong->text);
  }
  if (const auto* wrong = first_error(replies.back().items)) return troubled(what, wrong->text);
  return tell_source();
}

Step LiveCopy::tell_source() {
  Ask next{Side::kSource, setslot_each(handed_, "NODE", job_.target.id)};
  next.writes = next.ownership = true;
  return ask(Stage::kOwnSource, std::move(next));
}

Step LiveCopy::told_source(const Replies& replies) {
  for (const auto& reply : replies) {
    // The source that lost its last slot is a replica by now, and hears of the owner like any other.
    if (!reply.is_error() || classify(reply.text) == Failure::kNotPrimary) continue;
    return troubled("SETSLOT NODE on " + job_.source.name, reply.text);
  }
  done_.add(handed_);
  untold_.add(handed_);
  open_.remove(handed_);
  handed_ = {};
  tries_ = 0;
  // Copies that are known go on to be handed over; after a look there are none.
  return portion_.slots.empty() ? go_on() : next_portion();
}

// Nothing more is handed over: what is open beside it stays the source's.
Step LiveCopy::close() {
  pausing_ = false;  // a pause ends by itself
  leaving_.add(open_);
  leaving_.remove(handed_);
  leaving_.remove(lost_);
  todo_.remove(leaving_);
  if (!leaving_.empty()) return clear(Stage::kLeave, leaving_);
  if (untold_.empty()) return end();
  Ask next{Side::kOthers, setslot_each(std::exchange(untold_, {}), "NODE", job_.target.id)};
  next.writes = true;
  return ask(Stage::kOwnOthers, std::move(next));
}

Step LiveCopy::end() {
  ended_ = true;
  return ask(Stage::kUntrack, Ask{Side::kSource, {{"CLIENT", "TRACKING", "OFF"}}});
}

}  // namespace rebalance::live_copy
