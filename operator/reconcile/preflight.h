// What the spec's `safety` asks of the nodes that a plan touches, as findings. Pure.
#pragma once

#include <optional>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// Replicas of every source and target as safety.replicas, minReplicas and maxReplicaLagBytes ask; pods that
// are being deleted; targets that cannot read what the source's DUMP writes. Require makes a blocker of what
// Prefer makes a warning.
std::vector<Finding> preflight(const Plan& plan, const World& world, const SafetySpec& safety);

// The first pod that the plan touches and that is being deleted.
std::optional<Finding> leaving_pod(const Plan& plan, const World& world);

// The first blocker, or nullptr.
const Finding* first_blocker(const std::vector<Finding>& findings);

}  // namespace rebalance
