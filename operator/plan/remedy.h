// What a goal that does not fit would need: bytes short, where, and ways out that were tried on the planner
// itself.
#pragma once

#include "plan/draft.h"

namespace rebalance {

// `draft` is refused. Each remedy of the result, applied to the same world and spec, gives a plan.
Refusal refuse(const World& world, const RebalanceSpec& spec, const Factors& factors, const Draft& draft);

// The world with one more empty primary of the usual limit; its pod is called kNewShard and so on.
inline constexpr const char* kNewShard = "(new shard)";
World with_new_shards(const World& world, int count);

}  // namespace rebalance
