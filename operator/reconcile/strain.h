// What the servers themselves say of how their clients and replicas bear the move, beside our own probes.
// Pure.
#pragma once

#include <optional>
#include <string>

#include "reconcile/step.h"

namespace rebalance {

NodeLoad load_of(const WorldNode& node);

// One server now, at the beginning of a span of so many seconds, and when it was first looked at.
struct LoadSpan {
  const WorldNode& now;
  const NodeLoad& since;
  const NodeLoad& first;
  double seconds;
};

// In a sentence with figures, the first of these: a replica further behind than safety.maxReplicaLagBytes;
// more often than twice the average of the server's life before: keys evicted, connections rejected, clients
// told TRYAGAIN or CLUSTERDOWN, commands that ran longer than safety.maxLatencyMillis, and commands
// redirected (MOVED, ASK) if every fifth is; clients near maxclients; buffers that grow. Nothing: none of it.
// Of a server that restarted only the first is judged.
std::optional<std::string> strain(const LoadSpan& span, const SafetySpec& safety);

}  // namespace rebalance
