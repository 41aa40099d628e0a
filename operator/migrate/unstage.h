// Removes what an interrupted live copy left on its target: each copy only if the source has the key. Pure.
//
// What is only on the target is never deleted: it may be the last of its kind, so a person must judge. The
// driver that made the copies is gone, and its last transaction may still be on its way: both servers end all
// connections of our own claim but the one that asks, before anything is looked at.
#pragma once

#include <memory>

#include "migrate/key_by_key.h"

namespace rebalance {

struct UnstageJob {
  PairNode source, target;  // who owns the slots now, and who holds the copies
  SlotSet slots;            // those that are MIGRATING to the target are left alone: they were handed over
  // The source took the place of the one that made the copies, and its mark went with that one: a hand-over
  // may have been before. A copy then goes only if the source has the same value.
  bool equal_only = false;
  int attempts = 6;
};

// done(): closed on both sides. An error names how many keys are only on the target; then their slots stay
// open there.
std::unique_ptr<GroupEngine> make_unstage(UnstageJob job);

}  // namespace rebalance
