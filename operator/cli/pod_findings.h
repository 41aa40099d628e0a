// What the pods say before a move, and what is well. Pure.
#pragma once

#include <vector>

#include "api/spec.h"
#include "model/world.h"

namespace rebalance {

// NoLimit, PodDeleting, RolloutUnderWay, AboveFlood: blockers. AboveHighWatermark, MaxmemoryAboveLimit,
// OomKilledBefore, RestartedBefore, NotReady, LimitAssumed, OtherOperator: warnings.
std::vector<Finding> pod_findings(const std::vector<PodState>& pods, const World& world,
                                  const HeadroomSpec& spec);

// Blockers first, then warnings, then a line for each group of checks that found nothing; the same name at
// the same place is said once.
std::vector<Finding> arranged(std::vector<Finding> findings, const World& world);

}  // namespace rebalance
