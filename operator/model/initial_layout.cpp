#include "model/initial_layout.h"

namespace rebalance {

InitialLayout layout_now(const World& world, std::string when) {
  InitialLayout layout{std::move(when), {}};
  for (const auto* node : world.primaries()) layout.homes.push_back({node->id, node->pod, node->slots});
  return layout;
}

}  // namespace rebalance
