// What a server's error reply means for the move. Pure.
#pragma once

#include <string_view>

#include "base/clock.h"

namespace rebalance {

enum class Failure {
  kTransient,     // TRYAGAIN, LOADING, NOREPLICAS, UNBLOCKED, a connect from source to target that failed, a
                  // failover that gossip has not told yet, ...: back off, look, go on
  kUnknown,       // IOERR reading or writing, time-outs: the target may hold copies: look, then decide
  kBusyKey,       // the key is on both sides
  kOutOfMemory,   // the target is full: stop
  kCredentials,   // NOAUTH, WRONGPASS, NOPERM: stop
  kMoved,         // MOVED, or CLUSTERDOWN hash slot not served: the target lost its mark: look again
  kNotPrimary,    // READONLY, "SETSLOT only with masters"
  kStillHasKeys,  // SETSLOT NODE refused by a source that holds keys
  kAlreadyOwner,  // SETSLOT IMPORTING on the owner, MIGRATING on a node that does not own
  kAtomicTask,    // an atomic slot migration or trim is under way there
  kFatal,         // anything else: stop with the server's words
};

// `text` is the error reply without the leading '-'; MIGRATE's "Target instance replied with error: ..." is
// looked into.
Failure classify(std::string_view text);

// Before the next try after so many in vain beyond the first: 100 ms, doubled each time, at most 5 s.
Millis back_off(int tries);

}  // namespace rebalance
