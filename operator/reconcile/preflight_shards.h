// What a plan means for shards that have no replica, and for the replicas of others. Pure.
#pragma once

#include <vector>

#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// Warnings, each at most once for a plan:
//   ReplicaMigration      a target that owned nothing and has no replica draws one from another primary
//   FullCoverageRequired  cluster-require-full-coverage, and a source or target without replica in sync
std::vector<Finding> shard_findings(const Plan& plan, const World& world);

}  // namespace rebalance
