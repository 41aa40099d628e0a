// The hand-over of slots between servers that have none of their own: a script within a transaction. Pure.
//
// WATCH over every key of the slots makes the server itself refuse the EXEC when one of them changed, by
// whatever cause. The script runs alone and checks what WATCH cannot: that no key was added (as many as were
// watched), and that what a stream or a module type holds is what was copied, since consumer groups and
// modules change without a word. Then it deletes the keys and marks the slots MIGRATING: from that instant
// the source answers ASK. A refusal of either is met before anything is deleted, so that it leaves no trace.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "migrate/engine.h"

namespace rebalance {

struct HandOver {
  NodeId target;
  std::vector<std::pair<Slot, std::int64_t>> counts;        // keys of each slot
  std::vector<std::pair<std::string, std::string>> checks;  // key and the CRC-64 at the end of its DUMP
};
Command hand_over(const HandOver& hand_over);  // EVAL, to be sent between MULTI and EXEC

struct HandedOver {
  enum class Outcome {
    kDone,
    kChanged,     // nothing was done: a watched key changed, or a slot has more or fewer keys
    kOtherValue,  // nothing was done: `text` is a key whose value is not what was copied
    kRefused,     // nothing was done: `text` are the server's words
  };
  Outcome outcome = Outcome::kRefused;
  std::string text;
};
HandedOver handed_over(const Reply& exec);

}  // namespace rebalance
