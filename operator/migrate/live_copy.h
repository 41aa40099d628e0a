// Moves a group of slots between servers that have no atomic migration: copy while clients go on, copy again
// what changed, then hand over in one step that the source itself refuses when anything changed meanwhile.
// For the safety argument see docs/live-copy.md.
//
// Until that step the source is told nothing and serves everything; what is on the target are copies that no
// client is sent to, and an end before it (a stop, an error) deletes them and closes the slots. After it the
// slots are MIGRATING and empty at the source: the state of a legacy migration at its end, from which the
// target becomes the owner. No clock and no lease decides: a transaction that waits in a connection which we
// lost is ended with that connection (CLIENT KILL) before anything else is done.
//
// Large keys go in pieces (staged_keys.h). Slots with one that cannot be taken apart and not be read within
// `latency` either (a stream, a module's), or with more keys than WATCH bears, are unfit(): they are left
// untouched. Sources: Redis 6.2 to 8.0 tracking.c, multi.c, cluster.c; each tried.
#pragma once

#include <memory>

#include "migrate/engine.h"
#include "migrate/key_by_key.h"
#include "migrate/pace.h"

namespace rebalance {

// WATCH looks for each key in the connection's own list. Measured on 6.2: 2,000 keys cost 40 ms in all, 5,000
// cost 286.
inline constexpr std::int64_t kMostKeysOfLiveSlot = 2000;
// Of a group: what tracking and our own list hold, and the bytes of that (plan/headroom.h has room for one
// group).
inline constexpr std::int64_t kMostKeysOfLiveGroup = 4'000;
inline constexpr Bytes kHeldForLiveGroup = kMiB;

struct LiveJob {
  PairNode source, target;
  SlotSet slots;
  bool adopted = false;     // the journal knows them: what is MIGRATING may be ours, and is finished
  Millis latency{50};       // the longest that one key that goes whole may keep a server from its clients
  Millis write_pause{100};  // of all clients' writes at once, for what changes too often; 0: none
  int source_replicas = 0;  // that should know what left before the target owns it
  int target_replicas = 0;  // that must have the copies before the hand-over
  int attempts = 6;
  int portion_keys = 500;  // that are handed over at once, while the source serves nobody
};

// `pace` is what the pair's keys taught so far; it must outlive the engine.
std::unique_ptr<GroupEngine> make_live_copy(LiveJob job, Pace& pace);

}  // namespace rebalance
