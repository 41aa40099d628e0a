// Which engine moves the slots of which pair, and why.
#pragma once

#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// One entry for each pair of nodes that has a batch, in order of first appearance.
std::vector<PairEngine> choose_engines(const World& world, const std::vector<Batch>& batches,
                                       EngineChoice choice);

}  // namespace rebalance
