// What stands between the two ends of each pair of a plan. Pure.
#pragma once

#include <vector>

#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// TargetTooOld, FunctionsMissing and ModulesMissing: blockers, once for each target. RoundTripLong, a
// warning: a source or target is more than 5 ms away from this program, which speaks to both for each step.
std::vector<Finding> pair_findings(const Plan& plan, const World& world);

}  // namespace rebalance
