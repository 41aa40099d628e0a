// What a goal that does not fit would need: bytes short, where, and ways out that were tried on the planner
// itself.
#pragma once

#include "plan/draft.h"

namespace rebalance {

// `draft` is refused and `wish` is the same goal with no regard to headroom. Each remedy of the result,
// applied to the same world and spec (see applied), gives a plan.
Refusal refuse(const World& world, const RebalanceSpec& spec, const Factors& factors, const Draft& draft,
               const Draft& wish);

// A rehearsal of a remedy.
struct Situation {
  World world;
  RebalanceSpec spec;
};
// "a, b and c"; of more than eight the first and how many more.
std::string list_of(const std::vector<PodName>& pods);

Situation applied(const Remedy& remedy, const World& world, const RebalanceSpec& spec);

}  // namespace rebalance
