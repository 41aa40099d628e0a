// Slots that weigh so much of their node that they deserve care (spec.hotSlots). Pure.
#pragma once

#include <map>
#include <string>

#include "api/spec.h"
#include "model/world.h"

namespace rebalance {

// Those that hold more than sharePercent of what their owner's slots hold, 1 MiB at least, and how much that
// is; none where action is Ignore.
std::map<Slot, std::string> hot_slots(const World& world, const HotSlotsSpec& spec);

}  // namespace rebalance
