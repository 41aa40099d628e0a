// Is it a good time to move slots? What the servers do just now, and what would make a move risky though the
// cluster is whole. Pure.
#pragma once

#include <vector>

#include "model/cluster.h"

namespace rebalance {

// Findings in the order of this list. Names:
//
//   NodeTimeoutShort  cluster-node-timeout below 15 s, once for each value                      warning
//   SaveUnderWay      a child process writes an RDB file, a new AOF, ...                        warning
//   FullSyncUnderWay  a replica loads a full copy of its primary                                warning
//   WritesRefused     a primary answers MISCONF, since it could not write to its disk           blocker
//   RecentFailover    a primary took over less than ten minutes ago, by an estimate             warning
std::vector<Finding> examine_readiness(const ClusterState& cluster);

// For how long this primary has been one, at most: servers do not keep the time. It is estimated from what it
// has replicated since, at the pace of now (at least the PING to its replicas every ten seconds), and from
// the age of its links to replicas, which are made anew at a failover. -1: no other was primary before it, or
// it cannot be told.
double seconds_since_takeover(const NodeState& node);

}  // namespace rebalance
