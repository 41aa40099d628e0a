// Who gives to whom, as rows of `check`. Pure.
#pragma once

#include <vector>

#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// A row Pair for each, Ok, the largest first and no more than 20: slots, bytes, zones, round trips.
std::vector<Finding> pair_rows(const Plan& plan, const World& world);

}  // namespace rebalance
