// Looks at servers: everything that a decision needs, read only.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "redis/connection.h"

namespace rebalance {

// One node in two pipelined round trips at most (about half a millisecond on loopback). What the user may not
// read (CONFIG, functions, atomic tasks) keeps its default and becomes a warning in `findings`, when that is
// given. kRefused: no cluster node, or not permitted to look; else as Connection has it.
Result<NodeState> observe_node(Connection& connection, const PodName& pod,
                               std::vector<Finding>* findings = nullptr);

struct NodeAccess {
  PodName pod;
  ConnectOptions connect;
  Connection* connection = nullptr;  // used if it is there and not broken; else one is opened for the look
};

// All nodes at once, in at most 16 threads; nodes sorted by id. A node that cannot be read is the blocker
// NodeUnreachable, and everything that examine() finds in the rest is in `findings` too.
ClusterState observe_cluster(std::span<const NodeAccess> accesses);

// The light look for sampling: INFO memory and stats in one round trip. working_set stays -1.
Result<MemoryReading> read_memory(Connection& connection);

}  // namespace rebalance
