#include "migrate/epochs.h"

#include <algorithm>

namespace rebalance {

Epochs epochs_of(const NodeView& view) {
  Epochs epochs;
  for (const auto& node : view.nodes) {
    if (node.role != Role::kPrimary) continue;  // a replica shows its primary's
    epochs.known = std::max(epochs.known, node.config_epoch);
    if (node.myself) epochs.own = node.config_epoch;
  }
  return epochs;
}

bool wins(const Epochs& target, const Epochs& source, std::span<const std::int64_t> others) {
  if (target.own == source.own || std::ranges::find(others, source.own) != others.end()) return false;
  const bool will_be_raised = target.own < target.known && target.known >= source.own;
  return target.own > source.own || will_be_raised;
}

}  // namespace rebalance
