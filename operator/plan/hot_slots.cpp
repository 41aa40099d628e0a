#include "plan/hot_slots.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

// Less is moved at once, whatever its share.
constexpr Bytes kBytesWorthCare = kMiB;
constexpr std::int64_t kUsecWorthCare = 1'000'000;

double percent(std::int64_t part, std::int64_t all) {
  return all > 0 ? 100 * static_cast<double>(part) / static_cast<double>(all) : 0;
}

struct Hot {
  const WorldNode& node;
  const SlotSizes& sizes;
  int share_percent = 0;
  Bytes bytes = 0;
  std::int64_t usec = 0;

  std::string by_memory(Slot slot) const {
    const double share = percent(sizes.bytes[slot], bytes);
    if (sizes.bytes[slot] < kBytesWorthCare || share <= share_percent) return "";
    return fmt::format("it holds {}, {:.0f} % of {}", human_bytes(sizes.bytes[slot]), share, node.pod);
  }
  std::string by_operations(Slot slot) const {
    const double share = percent(sizes.cpu_usec[slot], usec);
    if (sizes.cpu_usec[slot] < kUsecWorthCare || share <= share_percent) return "";
    const bool recent = sizes.cpu_recent.contains(slot);
    return fmt::format("its commands take {:.0f} % of the time of all commands to slots of {} ({})", share,
                       node.pod, recent ? "while it was looked at" : "since its counters began");
  }
};

}  // namespace

std::map<Slot, std::string> hot_slots(const World& world, const HotSlotsSpec& spec) {
  std::map<Slot, std::string> hot;
  if (spec.action == HotSlotAction::kIgnore) return hot;
  for (const auto* node : world.primaries()) {
    Hot judge{*node, world.sizes, spec.share_percent, world.sizes.bytes_of(node->slots)};
    for_each_slot(node->slots, [&](Slot slot) { judge.usec += world.sizes.cpu_usec[slot]; });
    for_each_slot(node->slots, [&](Slot slot) {
      const auto memory = judge.by_memory(slot), operations = judge.by_operations(slot);
      const bool both = !memory.empty() && !operations.empty();
      if (!memory.empty() || !operations.empty())
        hot[slot] = fmt::format("{}{}{}", memory, both ? ", and " : "", operations);
    });
  }
  return hot;
}

std::string operations_unknown(const World& world, const HotSlotsSpec& spec) {
  if (spec.action == HotSlotAction::kIgnore) return "";
  const WorldNode* first = nullptr;
  int unknown = 0;
  for (const auto* node : world.primaries()) {
    if (node->slots.empty() || world.sizes.cpu_known.overlaps(node->slots)) continue;
    if (first == nullptr) first = node;
    unknown++;
  }
  if (first == nullptr) return "";
  const auto why = counts_slots(first->version)
                       ? std::string("cluster-slot-stats-enabled is off, or our user may not ask")
                       : first->version.text() + " has no CLUSTER SLOT-STATS for it";
  const auto others = unknown == 1 ? "" : fmt::format(" and {} more", unknown - 1);
  return fmt::format("Hot slots of {}{} are judged by memory alone, not by operations: {}.", first->pod,
                     others, why);
}

}  // namespace rebalance
