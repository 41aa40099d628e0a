#include "redis/slot_cpu.h"

#include "redis/slot_queries.h"

namespace rebalance {
namespace {

// Less would judge a slot by the moment, and by what our own look asks of it.
constexpr std::chrono::seconds kLongLook{2};

// [slot, [name, value, ...]]; nothing: the server does not count it.
std::optional<std::int64_t> cpu_of(const Reply& entry) {
  if (entry.items.size() < 2) return std::nullopt;
  const auto& fields = entry.items[1].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    if (fields[i].text == "cpu-usec") return fields[i + 1].integer;
  }
  return std::nullopt;
}

}  // namespace

Result<SlotCpuLook> SlotCpuLook::begin(Connection& connection, const NodeState& node) {
  SlotCpuLook look;
  look.began_ = std::chrono::steady_clock::now();
  if (!counts_slots(node.version)) return look;
  look.slots_ = node.slots;
  TRY(counts, read(connection, node.slots));
  look.first_ = counts;
  return look;
}

Status SlotCpuLook::end(Connection& connection, SlotSizes& sizes) const {
  if (!first_) return {};
  const bool recent = std::chrono::steady_clock::now() - began_ >= kLongLook;
  std::optional<Counts> last = first_;
  if (recent) {
    TRY(again, read(connection, slots_));
    if (!again) return {};
    last = again;
  }
  for_each_slot(slots_, [&](Slot slot) {
    const bool goes_on = recent && (*last)[slot] >= (*first_)[slot];  // else it was reset meanwhile
    sizes.cpu_usec[slot] = (*last)[slot] - (goes_on ? (*first_)[slot] : 0);
  });
  sizes.cpu_known = slots_;
  if (recent) sizes.cpu_recent = slots_;
  return {};
}

Result<std::optional<SlotCpuLook::Counts>> SlotCpuLook::read(Connection& connection, const SlotSet& slots) {
  TRY(replies, connection.pipeline(slot_stats_questions(slots)));
  Counts counts{};
  for (const auto& reply : replies) {
    if (!reply.is_array()) return std::optional<Counts>();  // not permitted
    for (const auto& entry : reply.items) {
      const auto cpu = cpu_of(entry);
      if (!cpu) return std::optional<Counts>();
      const auto slot = static_cast<std::size_t>(entry.items[0].integer);
      if (slot < kSlotCount) counts[slot] = *cpu;
    }
  }
  return std::optional(counts);
}

}  // namespace rebalance
