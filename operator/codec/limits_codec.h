// Memory limits that were raised in place and have to go back, as JSON text; and the patch that sets one.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "model/plan.h"

namespace rebalance {

std::string encode_limits(const std::vector<LimitRaise>& limits);
// kInvalidInput when the text is none of these.
Result<std::vector<LimitRaise>> decode_limits(const std::string& text);

// A strategic merge patch for pods/resize that fits this very pod alone. The request follows the limit where
// the pod is Guaranteed, since its QoS class must not change; else it stays.
std::string resize_patch(const PodState& pod, Bytes limit);

}  // namespace rebalance
