// Atomic slot migrations as servers list them: CLUSTER MIGRATION STATUS (Redis from 8.4 on) and CLUSTER
// GETSLOTMIGRATIONS (Valkey from 9.0 on). Pure.
#pragma once

#include <string>
#include <vector>

#include "model/cluster.h"
#include "redis/reply.h"

namespace rebalance {

struct AtomicTask {
  enum class State { kRunning, kDone, kFailed, kCancelled };
  std::string id;
  SlotSet slots;
  NodeId source, target;
  bool import = false;  // as the target tells it, else as the source does
  State state = State::kRunning;
  std::string stage;    // the server's own word for where it is
  std::string message;  // why it failed last, in the server's words
  int retries = 0;      // of Redis

  // It goes on by itself. A failed import of Redis does: the target tries again each second until somebody
  // cancels it there. Valkey never tries again.
  bool live = false;

  // From the one to the other, and of no other slots than these.
  bool moves(const NodeId& from, const NodeId& to, const SlotSet& within) const {
    return source == from && target == to && intersection(slots, within) == slots;
  }
};

// Both servers' ways; what is not understood is passed over.
std::vector<AtomicTask> parse_atomic_tasks(const Reply& reply);

}  // namespace rebalance
