#include "plan/hot_slots.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

constexpr Bytes kWorthCare = kMiB;  // less is moved at once, whatever its share

}  // namespace

std::map<Slot, std::string> hot_slots(const World& world, const HotSlotsSpec& spec) {
  std::map<Slot, std::string> hot;
  if (spec.action == HotSlotAction::kIgnore) return hot;
  for (const auto* node : world.primaries()) {
    const Bytes all = world.sizes.bytes_of(node->slots);
    for_each_slot(node->slots, [&](Slot slot) {
      const Bytes bytes = world.sizes.bytes[slot];
      const double share = all > 0 ? 100 * static_cast<double>(bytes) / static_cast<double>(all) : 0;
      if (bytes < kWorthCare || share <= spec.share_percent) return;
      hot[slot] = fmt::format("it holds {}, {:.0f} % of {}", human_bytes(bytes), share, node->pod);
    });
  }
  return hot;
}

}  // namespace rebalance
