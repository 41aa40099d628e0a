// Removes what an interrupted live copy left on its target. Pure.
//
// Where a hand-over may have been, each copy goes only if the source has the key. What is only on the target
// stays then: it may be the last of its kind, so a person must judge. The driver that made the copies is
// gone, and its last transaction may still be on its way: both servers end all connections of our own claim
// but the one that asks, before anything is looked at.
#pragma once

#include <memory>

#include "migrate/key_by_key.h"

namespace rebalance {

enum class Copies {
  kAll,  // no hand-over had begun, and the target has the mark that was set when it held none of these keys
  kOfKeysThere,  // of which the source has the key
  // Of which the source has the key with the same value: it took the place of the one that made the copies,
  // and its mark went with that one; a hand-over may have been before.
  kEqual
};

struct UnstageJob {
  PairNode source, target;  // who owns the slots now, and who holds the copies
  SlotSet slots;            // those that are MIGRATING to the target are left alone: they were handed over
  Copies copies = Copies::kOfKeysThere;  // those that go
  int attempts = 6;
};

// done(): closed on both sides. An error names how many keys are only on the target; then their slots stay
// open there.
std::unique_ptr<GroupEngine> make_unstage(UnstageJob job);

}  // namespace rebalance
