// Which engine moves the slots of which pair, and why. Pure.
#pragma once

#include <optional>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

PairEngine choose_engine(const WorldNode& source, const WorldNode& target, const RebalanceSpec& spec);

// One entry for each pair of nodes that has a batch, in order of first appearance.
std::vector<PairEngine> choose_engines(const World& world, const std::vector<Batch>& batches,
                                       const RebalanceSpec& spec);

// The spec asks for an engine that a pair cannot have: which, and why.
std::optional<Refusal> refuse_engine(const std::vector<PairEngine>& engines, const World& world,
                                     const RebalanceSpec& spec);

}  // namespace rebalance
