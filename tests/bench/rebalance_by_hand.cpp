#include "rebalance_by_hand.h"

#include <stdexcept>

#include "rig/process.h"

namespace rebalance {
namespace {

constexpr rig::Milliseconds kPatience{120'000};

// The first slots of what it owns, as redis-cli picks them.
std::vector<int> first_slots(const std::array<int, rig::kSlots>& owners, int owner, int count) {
  std::vector<int> slots;
  for (int slot = 0; slot < rig::kSlots && std::ssize(slots) < count; ++slot) {
    if (owners[static_cast<std::size_t>(slot)] == owner) slots.push_back(slot);
  }
  return slots;
}

rig::Arguments migration(const rig::ServerVersion& version, int first, int last, const std::string& target) {
  const auto from = std::to_string(first), to = std::to_string(last);
  if (version.is_valkey()) return {"CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", from, to, "NODE", target};
  return {"CLUSTER", "MIGRATION", "IMPORT", from, to};
}

}  // namespace

ByHand move_by_hand(const rig::TestCluster& cluster, int primaries) {
  const int empty = cluster.primaries() - primaries;
  const int each = rig::kSlots * empty / cluster.primaries() / primaries;
  const auto owners = cluster.owners();  // before anything moves: later two may claim one for a moment
  ByHand moved;
  const auto began = std::chrono::steady_clock::now();
  for (int source = 0; source < primaries; ++source) {
    const int target = primaries + source % empty;
    const auto slots = first_slots(owners, source, each);
    const auto before = rig::slots_claimed_by(cluster, target);
    const auto& version = cluster.node(source).version();
    cluster.command(version.is_valkey() ? source : target,
                    migration(version, slots.front(), slots.back(), cluster.node_id(target)));
    if (!rig::wait_until(
            [&] { return rig::slots_claimed_by(cluster, target) == before + static_cast<std::size_t>(each); },
            kPatience))
      throw std::runtime_error("a migration by hand does not end");
    moved.slots += each;
  }
  moved.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return moved;
}

}  // namespace rebalance
