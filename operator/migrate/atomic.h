// Moves a group of slots in one go by the server's own atomic slot migration: Redis from 8.4.1 on, Valkey
// from 9.1.2 on. Until the server hands them over all slots are the source's, after it the target's; no slot
// is ever open, and clients meet a MOVED at most.
//
// The server does the copying; what is left to us are its hazards. Redis: commanded on the target, which
// looks at no maxmemory (the gate does), swallows errors of what arrives (counted and watched here: the task
// is cancelled as soon as one appears) and tries a failed task again each second until it is cancelled there.
// Valkey: commanded on the source; it never tries again, and a cancel ends every job of that node, so none is
// sent beside somebody else's.
//
// One path for a fresh group, an adopted task and an unknown outcome: look at both nodes first, then do what
// is missing. Sources: Redis 8.6 cluster_asm.c, Valkey 9.1 cluster_migrateslots.c; both tried.
#pragma once

#include <memory>

#include "migrate/engine.h"
#include "migrate/key_by_key.h"

namespace rebalance {

struct AtomicJob {
  Engine engine = Engine::kAtomicRedis;  // or kAtomicValkey
  PairNode source, target;
  SlotSet slots;
  Bytes bytes = 0;       // of them, as the batch estimates
  bool adopted = false;  // the journal knows them: a task over them may be ours
  int attempts = 6;
};

std::unique_ptr<GroupEngine> make_atomic(AtomicJob job);

// The most keys of one group. Valkey deletes what it gave in one go on the source: about 1 s for a million.
inline constexpr std::int64_t kMostKeysOfAtomicValkey = 200'000;

// Ends the task `id` where it was commanded.
Command cancel_atomic(Engine engine, const std::string& id);
Command list_atomic(Engine engine);

}  // namespace rebalance
