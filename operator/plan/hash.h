// What an approval approves: one number over moves, engines and limits.
#pragma once

#include <string>

#include "api/spec.h"
#include "model/plan.h"

namespace rebalance {

// 16 hex digits; FNV-1a of 64 bits over a canonical text, so the same on every machine and run. Measured
// bytes and keys play no part: they drift while nobody changes anything. The order of batches does: it is
// what makes them safe.
std::string plan_hash(const Plan& plan);

}  // namespace rebalance
