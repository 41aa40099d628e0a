// How long a plan takes. Bounds that CI compares with: 1,000 primaries in 50 ms, 12 in 2 ms; growth close to
// linear.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>

#include "plan/planner.h"

namespace rebalance {
namespace {

// All slots lie on nine tenths of the primaries, the rest is new and empty; sizes of slots vary by a factor
// of three.
World cluster_of(int primaries) {
  World world;
  std::mt19937 random(7);
  std::uniform_int_distribution<Bytes> size(500 * kKiB, 1500 * kKiB);
  for (int slot = 0; slot < kSlotCount; ++slot) {
    world.sizes.bytes[slot] = size(random);
    world.sizes.keys[slot] = world.sizes.bytes[slot] / kKiB;
  }
  const int full = std::max(1, primaries * 9 / 10);
  for (int i = 0; i < primaries; ++i) {
    WorldNode node;
    node.id = fmt::format("{:040x}", i);
    node.pod = fmt::format("redis-{:04}", i);
    node.zone = fmt::format("zone-{}", i % 3);
    node.limit = 64 * kGiB;
    node.save_points = true;
    if (i < full) {
      const int first = kSlotCount * i / full, last = kSlotCount * (i + 1) / full - 1;
      node.slots.add({static_cast<Slot>(first), static_cast<Slot>(last)});
      for (int slot = first; slot <= last; ++slot) node.memory.used += world.sizes.bytes[slot];
    }
    node.memory.rss = node.memory.used * 11 / 10 + 8 * kMiB;
    world.nodes.push_back(std::move(node));
  }
  return world;
}

void BalancePlan(benchmark::State& state) {
  const auto world = cluster_of(static_cast<int>(state.range(0)));
  const RebalanceSpec spec;
  for (auto _ : state) {
    auto plan = make_plan(world, spec);
    state.counters["slots"] = plan->slots;
    state.counters["batches"] = static_cast<double>(plan->batches.size());
    state.counters["skew"] = plan->skew_after;
    state.counters["refused"] = plan->refusal.has_value();
    benchmark::DoNotOptimize(plan);
  }
}
BENCHMARK(BalancePlan)
    ->Arg(4)
    ->Arg(12)
    ->Arg(50)
    ->Arg(100)
    ->Arg(200)
    ->Arg(500)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);

void DrainPlan(benchmark::State& state) {
  const auto world = cluster_of(static_cast<int>(state.range(0)));
  RebalanceSpec spec;
  spec.goal.type = GoalType::kDrain;
  spec.goal.drain.pods = {"redis-0000"};
  for (auto _ : state) benchmark::DoNotOptimize(make_plan(world, spec));
}
BENCHMARK(DrainPlan)->Arg(12)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rebalance
