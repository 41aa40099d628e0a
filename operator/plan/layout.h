// Who shall own which slot: the goal, worked out. Pure and deterministic; memory limits play no part here.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "api/spec.h"
#include "base/result.h"
#include "model/world.h"

namespace rebalance {

inline constexpr int kNobody = -1;

// Owners are indices into World::nodes, or kNobody.
struct Layout {
  std::vector<int> before, after;  // one entry a slot
  double skew_before = 0;          // the highest share of a primary against its expected one: 1.0 is even
  double skew_after = 0;
  std::vector<std::string> notes;
};

// kInvalidInput names the pod, node or slots that the goal cannot mean. Balance starts only where a primary
// is off its share by more than the tolerance, and ends when all are within half of it, as far as the sizes
// of slots allow. `crowded` primaries are over their ceiling: they get nothing for the sake of a slightly
// better fit.
Result<Layout> layout_for(const World& world, const GoalSpec& goal, const std::set<NodeId>& crowded);

// The owner of each slot as the nodes say; of two that claim one slot the later id stands.
std::vector<int> owners_of(const World& world);

}  // namespace rebalance
