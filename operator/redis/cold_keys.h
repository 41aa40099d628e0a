// Keys that were not used for long (OBJECT IDLETIME), and their deletion. Looking does not count as use.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "model/cold_keys.h"
#include "model/slot_set.h"
#include "redis/connection.h"

namespace rebalance {

struct ColdSearch {
  int idle_seconds = 0;
  // Each key is looked at; else some 4,000: all of a few slots.
  bool every_key = false;
  // With every_key: gets the cold ones, in pieces, and adds to `deleted` how many of them it deleted.
  std::function<Status(const std::vector<std::string>& keys, std::int64_t& deleted)> found;
  std::stop_token stop;  // kStopped
};

// Of `slots`, which the server owns. A key that is listed and then not there counts as expired: the server
// removes what is past its time as soon as it is asked for. Slots of up to 5,000 keys are listed in one go
// (4 ms); if there are larger ones, one SCAN over the node finds theirs.
//
// `count` is what was seen, also where it ends with an error. kRefused: our user may not ask, or the policy
// is LFU, which keeps no idle time.
Status count_cold_keys(Connection& connection, const SlotSet& slots, const ColdSearch& search,
                       ColdCount& count);

// Unlinks those of `keys` that are idle for so long still, by scripts that ask and unlink in one step: a key
// that was used since it was found stays. `may_write` is asked before each round trip. Adds to `deleted` how
// many it were, also where it ends with an error.
Status unlink_if_idle(Connection& connection, const std::vector<std::string>& keys, int idle_seconds,
                      const std::function<Status()>& may_write, std::int64_t& deleted);

}  // namespace rebalance
