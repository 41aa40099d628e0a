// The way back to the layout of the start, worked out. Pure.
#pragma once

#include <vector>

#include "api/spec.h"
#include "base/result.h"
#include "model/initial_layout.h"

namespace rebalance {

// Which slots are away from home, and to which pods they go back: to the primary that owned them, or to the
// replica that took over from it. kInvalidInput names the owner of the start that cannot take them any more.
Result<std::vector<Assignment>> way_back(const World& world, const InitialLayout& layout);

}  // namespace rebalance
