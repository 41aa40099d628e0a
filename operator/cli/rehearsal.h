// Planning on a world that `plan --save` kept, with what `-f` changes of it. Pure.
#pragma once

#include <vector>

#include "model/world.h"

namespace rebalance {

// Pods give their limits and requests to the nodes of the same name. A pod that the world does not have
// becomes an empty primary of the oldest version in it, so that one more shard can be tried out.
World rehearsed(World saved, const std::vector<PodState>& pods);

}  // namespace rebalance
