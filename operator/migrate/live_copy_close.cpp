#include <fmt/format.h>

#include <utility>

#include "migrate/classify.h"
#include "migrate/live_copy_engine.h"

namespace rebalance::live_copy {

// What the source gave becomes the target's; what stays is cleaned; the others are told.

namespace {

// As key by key has it: before 7.2 every SETSLOT NODE on the target is a message to all nodes.
constexpr int kOwnAtOnce = 4;

}  // namespace

Step LiveCopy::own_target() {
  closing_ = {};
  for_each_slot(handed_, [&](Slot slot) {
    if (closing_.size() < kOwnAtOnce) closing_.add(slot);
  });
  Ask next{Side::kTarget, {}};
  for_each_slot(closing_, [&](Slot slot) { next.commands.push_back(setslot(slot, "NODE", job_.target.id)); });
  next.writes = next.ownership = true;
  return ask(Stage::kOwnTarget, std::move(next));
}

Step LiveCopy::owned_by_target(const Replies& replies) {
  for (const auto& reply : replies) {
    if (reply.is_error()) return troubled("SETSLOT NODE on " + job_.target.name, reply.text);
  }
  Ask next{Side::kSource, {}};
  for_each_slot(closing_, [&](Slot slot) { next.commands.push_back(setslot(slot, "NODE", job_.target.id)); });
  next.writes = next.ownership = true;
  return ask(Stage::kOwnSource, std::move(next));
}

Step LiveCopy::told_source(const Replies& replies) {
  for (const auto& reply : replies) {
    // The source that lost its last slot is a replica by now, and hears of the owner like any other.
    if (!reply.is_error() || classify(reply.text) == Failure::kNotPrimary) continue;
    return troubled("SETSLOT NODE on " + job_.source.name, reply.text);
  }
  done_.add(closing_);
  untold_.add(closing_);
  handed_.remove(closing_);
  open_.remove(closing_);
  tries_ = 0;
  if (!handed_.empty()) return own_target();
  // Copies that are known go on to be handed over; after a look there are none.
  return portion_.slots.empty() ? go_on() : next_portion();
}

// Nothing more is handed over: what is open beside it stays the source's.
Step LiveCopy::close() {
  pausing_ = false;  // a pause ends by itself
  leaving_.add(open_);
  leaving_.remove(handed_);
  todo_.remove(leaving_);
  if (!leaving_.empty()) return clear(Stage::kLeave, leaving_);
  if (untold_.empty()) return end();
  Ask next{Side::kOthers, {}};
  for_each_slot(std::exchange(untold_, {}),
                [&](Slot slot) { next.commands.push_back(setslot(slot, "NODE", job_.target.id)); });
  next.writes = true;
  return ask(Stage::kOwnOthers, std::move(next));
}

Step LiveCopy::end() {
  ended_ = true;
  return ask(Stage::kUntrack, Ask{Side::kSource, {{"CLIENT", "TRACKING", "OFF"}}});
}

}  // namespace rebalance::live_copy
