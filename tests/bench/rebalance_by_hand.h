// What a person types who moves slots atomically without any tool: the bare commands, one source after
// another.
#pragma once

#include "rig/cluster.h"

namespace rebalance {

struct ByHand {
  int slots = 0;
  double seconds = 0;  // first command to the last slot's new owner
};

// Of each primary that owns slots the same number as a rebalance over all would take, to the empty ones in
// turn. Redis 8.4 and later, Valkey 9.0 and later. Throws when a migration fails.
ByHand move_by_hand(const rig::TestCluster& cluster, int primaries);

}  // namespace rebalance
