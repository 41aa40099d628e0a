// Slots that weigh so much of their node that they deserve care (spec.hotSlots). Pure.
#pragma once

#include <map>
#include <string>

#include "api/spec.h"
#include "model/world.h"

namespace rebalance {

// Those that hold more than sharePercent of what their owner's slots hold, 1 MiB at least, or whose commands
// take more than that share of the time that those to all its slots take, a second at least; and how much
// that is. None where action is Ignore.
std::map<Slot, std::string> hot_slots(const World& world, const HotSlotsSpec& spec);

// Whose operations are not known by slot, and why, as a sentence; empty: all servers tell, or nobody asks.
std::string operations_unknown(const World& world, const HotSlotsSpec& spec);

}  // namespace rebalance
