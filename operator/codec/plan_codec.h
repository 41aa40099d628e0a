// A plan for machines: `plan -o json`, the approved plan, CI.
#pragma once

#include <string>

#include "model/plan.h"

namespace rebalance {

// Pretty-printed JSON with a newline at the end. Bytes are integers, slots are "0-99,4000", skew is the
// highest share of its expected one (1.0 is even). `refusal` is null or holds rule, pod, shortBytes, message
// and remedies.
std::string plan_json(const Plan& plan);

}  // namespace rebalance
