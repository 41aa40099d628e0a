// A plan for people. Pure.
#pragma once

#include <string>

#include "cli/table.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// Nodes, engines, the first 20 batches, skew, notes, and how to approve; or what was refused, by which rule,
// and every way out that was computed to be enough.
std::string plan_text(const Plan& plan, const World& world, const Palette& palette = {});

// Each pair with its engine and why; pairs of the same engine for the same reason stand together.
std::string engine_lines(const Plan& plan, const World& world);
// The ways out of a refusal, a line each; empty where there are none.
std::string remedies_text(const Refusal& refusal);

}  // namespace rebalance
