#include "plan/draft.h"

namespace rebalance {
namespace {

std::set<NodeId> over_their_ceiling(const World& world, const HeadroomSpec& room) {
  std::set<NodeId> crowded;
  for (const auto& node : world.nodes) {
    if (node.memory.base() > walls_of(node, room).ceiling) crowded.insert(node.id);
  }
  return crowded;
}

}  // namespace

Result<Draft> draft_plan(const World& world, const RebalanceSpec& spec, const Factors& factors,
                         Headroom headroom) {
  TRY(layout, layout_for(world, spec.goal, over_their_ceiling(world, spec.headroom)));
  auto schedule = schedule_batches(world, layout, spec, factors, headroom);
  return Draft{std::move(layout), std::move(schedule)};
}

}  // namespace rebalance
