// Worlds for tests of the planner: primaries with slots, sizes and limits in a line or two.
#pragma once

#include <fmt/format.h>

#include <functional>

#include "plan/planner.h"

namespace rebalance::testing {

inline constexpr Bytes kMB = 1'000'000;

struct Shard {
  Bytes data = 0;  // spread over its slots
  int slots = 0;
  Bytes limit = 118 * kMiB;
};

inline WorldNode primary(int number, const Shard& shard) {
  constexpr Bytes kServer = 2 * kMB;  // of an empty server
  WorldNode node;
  node.id = fmt::format("{:040x}", number + 1);
  node.pod = fmt::format("redis-{}", number);
  node.version = {ServerKind::kRedis, 7, 0, 15};
  node.limit = shard.limit;
  node.memory.used = shard.data + kServer;
  node.memory.rss = node.memory.used * 108 / 100 + 5 * kMB;
  node.save_points = true;
  node.allow_replica_migration = false;
  return node;
}

// Shards get runs of slots in their order; each byte count is spread evenly over the shard's slots.
inline World world_of(const std::vector<Shard>& shards) {
  World world;
  int next = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto& shard = shards[i];
    auto node = primary(static_cast<int>(i), shard);
    for (int k = 0; k < shard.slots; ++k) {
      world.sizes.bytes[next + k] = shard.data * (k + 1) / shard.slots - shard.data * k / shard.slots;
      world.sizes.keys[next + k] = world.sizes.bytes[next + k] / 1000;
      node.keys += world.sizes.keys[next + k];
    }
    if (shard.slots > 0) node.slots.add({static_cast<Slot>(next), static_cast<Slot>(next + shard.slots - 1)});
    next += shard.slots;
    world.nodes.push_back(std::move(node));
  }
  return world;
}

inline WorldNode replica_of(const WorldNode& primary, int number) {
  auto node = primary;
  node.id = fmt::format("{:040x}", 0xf000 + number);
  node.pod = fmt::format("replica-{}", number);
  node.role = Role::kReplica;
  node.primary = primary.id;
  node.slots = {};
  return node;
}

// The world when every batch is done: owners, what is used, and RSS as the kernel would show it.
inline World after_plan(World world, const Plan& plan) {
  for (const auto& batch : plan.batches) {
    for (auto& node : world.nodes) {
      for (const auto& range : batch.slots.ranges()) {
        if (node.id == batch.source) node.slots.remove(range);
        if (node.id == batch.target) node.slots.add(range);
      }
      if (node.id == batch.source) node.memory.used -= batch.bytes;
      if (node.id == batch.target) node.memory.used += batch.bytes;
      node.memory.rss = std::max(node.memory.rss, node.memory.used * 108 / 100);
    }
  }
  return world;
}

inline RebalanceSpec balance() { return {}; }

inline RebalanceSpec drain(const PodName& pod) {
  RebalanceSpec spec;
  spec.goal.type = GoalType::kDrain;
  spec.goal.drain.pods = {pod};
  return spec;
}

inline RebalanceSpec move(const char* slots, const PodName& to) {
  RebalanceSpec spec;
  spec.goal.type = GoalType::kMove;
  spec.goal.assignments = {{SlotSet::parse(slots).value(), to}};
  return spec;
}

}  // namespace rebalance::testing
