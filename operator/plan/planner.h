// From a world and a spec to a plan: pure, deterministic (same input, same plan, same hash).
#pragma once

#include "api/spec.h"
#include "base/result.h"
#include "model/plan.h"
#include "model/world.h"
#include "plan/headroom.h"

namespace rebalance {

// kInvalidInput when the goal names pods, nodes or slots that the world does not have. A goal that does not
// fit, or that is not safe, gives a Plan with `refusal` set and no batches; its forecasts then show the goal
// as it was wished. Goal Repair plans no moves.
Result<Plan> make_plan(const World& world, const RebalanceSpec& spec, const Factors& factors = {});

}  // namespace rebalance
