// What the spec's `safety` asks of the nodes that a plan touches, as findings. Pure.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// Replicas of every source and target as safety.replicas, minReplicas and maxReplicaLagBytes ask; pods that
// are being deleted or replaced; targets that cannot read what the source's DUMP writes, or lack its
// functions or modules; hot slots that move; sources that keep no idle time; and what preflight_pairs.h,
// preflight_streams.h and preflight_shards.h list. Require makes a blocker of what Prefer makes a warning.
std::vector<Finding> preflight(const Plan& plan, const World& world, const RebalanceSpec& spec);

std::set<NodeId> touched(const Plan& plan);  // sources and targets

// Why the pod of this node will not stay: PodDeleting, or RolloutUnderWay of its StatefulSet.
std::optional<Finding> leaving(const WorldNode& node);
// The first pod that the plan touches and that will not stay.
std::optional<Finding> leaving_pod(const Plan& plan, const World& world);

}  // namespace rebalance
