// A plan without remedies: what make_plan and the search for remedies both build.
#pragma once

#include "plan/batches.h"
#include "plan/planner.h"

namespace rebalance {

struct Draft {
  Layout layout;
  Schedule schedule;
};

Result<Draft> draft_plan(const World& world, const RebalanceSpec& spec, const Factors& factors,
                         Headroom headroom = Headroom::kRespected);

}  // namespace rebalance
