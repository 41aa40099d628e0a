// When is it safe that a target takes slots from a source that took some itself a moment ago?
//
// A node keeps a slot only against claims of lower config epochs, and deletes what it holds of a slot that it
// loses (cluster.c, clusterUpdateSlotsConfigWith). SETSLOT NODE raises the target's epoch above those that it
// knows of. Where it has not heard yet that the source's was raised meanwhile, the source's next packet takes
// the slots back, in the instant before the source itself is told: they are then nobody's, and their keys
// gone.
#pragma once

#include <cstdint>
#include <span>

#include "model/cluster.h"

namespace rebalance {

// The own config epoch in a node's CLUSTER NODES, and the highest in it.
struct Epochs {
  std::int64_t own = 0;
  std::int64_t known = 0;
};
Epochs epochs_of(const NodeView& view);

// After SETSLOT NODE the target's epoch is above the source's, and no other node shares the source's, the
// target neither: of two that do one soon raises its own (clusterHandleConfigEpochCollision).
bool wins(const Epochs& target, const Epochs& source, std::span<const std::int64_t> others);

}  // namespace rebalance
