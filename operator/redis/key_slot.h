// The slot of a key: CRC16 of it, or of what its first {} holds (redis.io, cluster specification, hash tags).
#pragma once

#include <string_view>

#include "model/slot_set.h"

namespace rebalance {

Slot key_slot(std::string_view key);

}  // namespace rebalance
