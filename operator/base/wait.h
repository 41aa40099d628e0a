// Waiting that a stop ends.
#pragma once

#include <stop_token>

#include "base/clock.h"

namespace rebalance {

// Waits until `stop` is asked for or `time` has passed; false: `stop` was asked for.
bool wait_for(std::stop_token stop, Millis time);

}  // namespace rebalance
