// headroom.onShortage Resize: memory limits that are raised in place while slots move, and put back. Pure.
//
// Only for what passes: buffers, forks and a full copy need room that nobody needs once the slots have moved.
// So a pod whose data would not fit its old limit at the end is not resized.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "plan/draft.h"

namespace rebalance {

// A world with limits raised, and what is planned in it. The seats of `draft` point into `world`.
struct Stretched {
  World world;
  Draft draft;
  std::vector<LimitRaise> raises;
};

// `wish`: the goal with no regard to headroom, in the same world. Raises those that receive, each to about
// what it needs and none above headroom.resize.maxLimit; or says why that is no way, in a sentence.
std::expected<Stretched, std::string> stretch(const World& world, const RebalanceSpec& spec,
                                              const Factors& factors, const Draft& wish);

// The same in the middle of a plan, where more may come than was expected: for the batches that are `left`,
// by the figures of this world. `raised`: what was raised before, and from what.
std::expected<std::vector<LimitRaise>, std::string> stretch_further(const World& world,
                                                                    const RebalanceSpec& spec,
                                                                    const Factors& factors,
                                                                    const std::vector<Batch>& left,
                                                                    const std::vector<LimitRaise>& raised);

// The world as it was before these limits were raised: what is planned does not hang on how far a resize is.
World before_raises(World world, const std::vector<LimitRaise>& raises);

// The most that a pod may hold when it gets this limit back: at rest half way between the high watermark,
// which the plan promised, and the flood watermark, so that a promise which was a little short does not leave
// the limit up for ever; and with a fork under the flood watermark.
Bytes most_at_rest(const WorldNode& node, Bytes limit, const HeadroomSpec& spec);

}  // namespace rebalance
