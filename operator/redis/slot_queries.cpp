#include "redis/slot_queries.h"

#include <fmt/format.h>

namespace rebalance {

std::vector<Slot> each_slot(const SlotSet& set) {
  std::vector<Slot> slots;
  slots.reserve(static_cast<std::size_t>(set.size()));
  for_each_slot(set, [&](Slot slot) { slots.push_back(slot); });
  return slots;
}

std::unexpected<Error> refused(const Connection& connection, const std::string& command, const Reply& reply) {
  return error(ErrorCode::kRefused,
               fmt::format("{} does not answer {}: {}", connection.endpoint().text(), command, reply.text));
}

Args memory_usage(const std::string& key, const char* samples) {
  return {"MEMORY", "USAGE", key, "SAMPLES", samples};
}

std::vector<Args> slot_stats_questions(const SlotSet& slots) {
  constexpr int kSlotsOfOne = 512;
  std::vector<Args> commands;
  for (const auto& range : slots.ranges()) {
    for (int first = range.first; first <= range.last; first += kSlotsOfOne) {
      const int last = std::min<int>(range.last, first + kSlotsOfOne - 1);
      commands.push_back(
          {"CLUSTER", "SLOT-STATS", "SLOTSRANGE", std::to_string(first), std::to_string(last)});
    }
  }
  return commands;
}

bool went_elsewhere(const Reply& reply) {
  return reply.is_error() && (reply.text.starts_with("ASK ") || reply.text.starts_with("MOVED "));
}

Result<std::vector<std::int64_t>> count_keys(Connection& connection, const std::vector<Slot>& slots) {
  std::vector<std::int64_t> counts(slots.size());
  TRY_OK(ask_all(
      connection, slots.size(),
      [&](std::size_t i) { return Args{"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slots[i])}; },
      [&](std::size_t i, const Reply& reply) { counts[i] = reply.integer; }));
  return counts;
}

}  // namespace rebalance
