#include "cli/pair_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/words.h"

namespace rebalance {
namespace {

constexpr std::size_t kMostPairs = 20;

struct Pair {
  const WorldNode *source, *target;
  Bytes bytes = 0;
  int slots = 0, batches = 0;
};

std::vector<Pair> pairs_of(const Plan& plan, const World& world) {
  std::map<std::pair<NodeId, NodeId>, Pair> pairs;
  for (const auto& batch : plan.batches) {
    const auto *source = world.find(batch.source), *target = world.find(batch.target);
    if (source == nullptr || target == nullptr) continue;
    auto& pair = pairs.try_emplace({batch.source, batch.target}, Pair{source, target}).first->second;
    pair.bytes += batch.bytes;
    pair.slots += batch.slots.size();
    ++pair.batches;
  }
  std::vector<Pair> sorted;
  for (const auto& [ids, pair] : pairs) sorted.push_back(pair);
  std::ranges::stable_sort(sorted, std::greater(), &Pair::bytes);
  return sorted;
}

std::string millis(std::int64_t micros) {
  return fmt::format("{:.2f} ms", static_cast<double>(micros) / 1000);
}

std::string row_of(const Pair& pair) {
  const auto& [source, target, bytes, slots, batches] = pair;
  auto text = fmt::format("{}, {} in {} batch{}", plural(slots, "slot"), human_bytes(bytes), batches,
                          batches == 1 ? "" : "es");
  if (!source->zone.empty() && !target->zone.empty()) {
    text += source->zone == target->zone
                ? fmt::format("; within zone {}", source->zone)
                : fmt::format("; crosses zones {} to {}", source->zone, target->zone);
  }
  if (source->round_trip_micros >= 0 && target->round_trip_micros >= 0) {
    text += fmt::format("; round trips {} and {}", millis(source->round_trip_micros),
                        millis(target->round_trip_micros));
  }
  return text;
}

}  // namespace

std::vector<Finding> pair_rows(const Plan& plan, const World& world) {
  std::vector<Finding> rows;
  const auto pairs = pairs_of(plan, world);
  for (const auto& pair : pairs) {
    if (rows.size() == kMostPairs) {
      rows.push_back(
          {Severity::kOk, "Pair", "", fmt::format("{} smaller pairs more", pairs.size() - kMostPairs), ""});
      break;
    }
    rows.push_back({Severity::kOk, "Pair", pair.source->pod + " to " + pair.target->pod, row_of(pair), ""});
  }
  return rows;
}

}  // namespace rebalance
