// What must hold for every cluster and every goal.
#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <numeric>

#include "plan/layout.h"
#include "plan/remedy.h"
#include "worlds.h"

namespace rebalance::testing {
namespace {

// Slots in random runs, sizes that vary wildly, RSS above used by a random gap; every third cluster is tight.
World any_world() {
  const int primaries = *rc::gen::inRange(2, 9);
  World world;
  for (int i = 0; i < primaries; ++i) world.nodes.push_back(primary(i, {}));
  const Bytes usual = *rc::gen::element<Bytes>(0, 3'000, 30'000);
  for (int slot = 0; slot < kSlotCount;) {
    const int run = *rc::gen::inRange(200, 3000), owner = *rc::gen::inRange(0, primaries);
    const Bytes size = *rc::gen::inRange<Bytes>(0, usual + 1);
    const int last = std::min(slot + run, kSlotCount) - 1;
    world.nodes[owner].slots.add({static_cast<Slot>(slot), static_cast<Slot>(last)});
    for (; slot <= last; ++slot) {
      world.sizes.bytes[slot] = size * (slot % 7);
      world.sizes.keys[slot] = world.sizes.bytes[slot] / 100;
      world.nodes[owner].memory.used += world.sizes.bytes[slot];
    }
  }
  const bool tight = *rc::gen::inRange(0, 3) == 0;
  for (int i = 0; i < primaries; ++i) {
    auto& node = world.nodes[i];
    node.memory.rss = node.memory.used * *rc::gen::inRange(100, 160) / 100 + 5 * kMB;
    node.limit = tight ? node.memory.rss * *rc::gen::inRange(104, 180) / 100 : 8 * kGiB;
    node.allow_replica_migration = *rc::gen::arbitrary<bool>();
    node.aof_enabled = *rc::gen::arbitrary<bool>();
    if (*rc::gen::inRange(0, 4) == 0) node.memory.maxmemory = node.limit * 3 / 4;
  }
  const int replicas = *rc::gen::inRange(0, primaries + 1);
  for (int i = 0; i < replicas; ++i) world.nodes.push_back(replica_of(world.nodes[i], i));
  return world;
}

PodName any_pod(const World& world) {
  const auto primaries = world.primaries();
  return primaries[*rc::gen::inRange<std::size_t>(0, primaries.size())]->pod;
}

RebalanceSpec any_goal(const World& world) {
  RebalanceSpec spec;
  const int kind = *rc::gen::inRange(0, 3);
  if (kind == 1) spec = drain(any_pod(world));
  if (kind == 2) {
    const int first = *rc::gen::inRange(0, kSlotCount), count = *rc::gen::inRange(1, 3000);
    const int last = std::min(first + count, kSlotCount) - 1;
    spec = move(fmt::format("{}-{}", first, last).c_str(), any_pod(world));
  }
  spec.goal.balance.metric = *rc::gen::element(Metric::kMemory, Metric::kSlots, Metric::kKeys);
  spec.goal.balance.tolerance_percent = *rc::gen::inRange(1, 20);
  spec.batch.max_slots = *rc::gen::inRange(10, 2000);
  spec.batch.max_bytes = *rc::gen::inRange<Bytes>(kMiB, 64 * kMiB);
  return spec;
}

template <typename Check>
bool holds(const char* what, Check check) {
  return rc::check(what, [&] {
    const World world = any_world();
    const RebalanceSpec spec = any_goal(world);
    const auto plan = make_plan(world, spec);
    RC_ASSERT(plan.has_value());
    RC_CLASSIFY(plan->refusal.has_value(), "refused");
    RC_CLASSIFY(!plan->batches.empty(), "moves");
    check(world, spec, *plan);
  });
}

TEST(EveryPlan, MovesASlotOnlyFromItsOwnerAndLosesNone) {
  EXPECT_TRUE(holds("slots are conserved", [](const World& world, const RebalanceSpec&, const Plan& plan) {
    std::vector<int> owner = owners_of(world);
    for (const auto& batch : plan.batches) {
      for (const auto& range : batch.slots.ranges()) {
        for (int slot = range.first; slot <= range.last; ++slot) {
          RC_ASSERT(world.nodes[owner[slot]].id == batch.source);
          owner[slot] = static_cast<int>(world.find(batch.target) - world.nodes.data());
        }
      }
    }
    RC_ASSERT(owner == owners_of(after_plan(world, plan)));
    RC_ASSERT(std::accumulate(plan.nodes.begin(), plan.nodes.end(), 0, [](int sum, const NodeForecast& node) {
                return sum + node.slots_after;
              }) == kSlotCount);
  }));
}

TEST(EveryPlan, KeepsBatchesWithinTheirBounds) {
  EXPECT_TRUE(holds("bounds of batches", [](const World&, const RebalanceSpec& spec, const Plan& plan) {
    for (const auto& batch : plan.batches) {
      RC_ASSERT(batch.slots.size() <= *spec.batch.max_slots);
      RC_ASSERT(batch.bytes <= spec.batch.max_bytes || batch.slots.size() == 1);
    }
  }));
}

// The rule of memory.md written once more, from totals: what came, what went, what can be used again.
struct Ledger {
  Bytes came = 0, went = 0;
  Bytes resident(const WorldNode& node) const {
    const auto& memory = node.memory;
    const Bytes reusable = (memory.rss - memory.used) / 2 + went / 2;
    return std::max(memory.rss + std::max<Bytes>(0, came - reusable),
                    (memory.used + came - went) * 108 / 100) -
           1;
  }
};

TEST(EveryPlan, BreaksNoWallAtAnyPrefix) {
  EXPECT_TRUE(holds("walls hold", [](const World& world, const RebalanceSpec& spec, const Plan& plan) {
    std::map<NodeId, Ledger> ledgers;
    for (const auto& batch : plan.batches) {
      const auto &source = *world.find(batch.source), &target = *world.find(batch.target);
      const auto from = walls_of(source, spec.headroom), to = walls_of(target, spec.headroom);
      RC_ASSERT(ledgers[source.id].resident(source) + source_transient(kMigratePayload, false) <= from.flood);
      ledgers[source.id].went += batch.bytes;
      ledgers[target.id].came += batch.bytes;
      for (const auto* replica : world.replicas_of(target.id)) {
        ledgers[replica->id].came += batch.bytes;
        RC_ASSERT(ledgers[replica->id].resident(*replica) <= walls_of(*replica, spec.headroom).ceiling);
      }
      for (const auto* replica : world.replicas_of(source.id)) ledgers[replica->id].went += batch.bytes;
      RC_ASSERT(ledgers[target.id].resident(target) <= to.ceiling);
      if (target.memory.maxmemory > 0) {
        const auto& ledger = ledgers[target.id];
        RC_ASSERT(target.memory.used + ledger.came - ledger.went <= target.memory.maxmemory / 10 * 9 + 9);
      }
    }
  }));
}

TEST(EveryPlan, IsAcceptedByTheGateThatAsksAgainBeforeEachBatch) {
  EXPECT_TRUE(holds("the gate agrees", [](const World& world, const RebalanceSpec& spec, const Plan& plan) {
    if (plan.batches.empty()) return;
    const auto refusal = judge(world, plan.batches.front(), {}, spec, {});
    RC_ASSERT(!refusal.has_value());
  }));
}

TEST(EveryPlan, RaisesAPodThatIsOverItsCeilingByNoMoreThanItsTransient) {
  EXPECT_TRUE(holds("relief", [](const World&, const RebalanceSpec&, const Plan& plan) {
    if (plan.refusal) return;
    for (const auto& node : plan.nodes) {
      if (node.base <= node.ceiling || node.slots_after == 0) continue;
      RC_ASSERT(node.peak <= node.base + source_transient(kMigratePayload, false) + kLiveTracking);
    }
  }));
}

TEST(EveryPlan, NeverMakesABalanceWorse) {
  EXPECT_TRUE(holds("skew", [](const World&, const RebalanceSpec& spec, const Plan& plan) {
    if (spec.goal.type == GoalType::kBalance) RC_ASSERT(plan.skew_after <= plan.skew_before);
  }));
}

TEST(EveryPlan, LeavesNothingToDo) {
  EXPECT_TRUE(holds("idempotent", [](const World& world, const RebalanceSpec& spec, const Plan& plan) {
    if (plan.refusal) return;
    const auto again = make_plan(after_plan(world, plan), spec).value();
    RC_ASSERT(!again.refusal.has_value());
    RC_ASSERT(again.batches.empty());
  }));
}

TEST(EveryPlan, IsTheSameForTheSameInput) {
  EXPECT_TRUE(holds("deterministic", [](const World& world, const RebalanceSpec& spec, const Plan& plan) {
    const auto again = make_plan(world, spec).value();
    RC_ASSERT(again.hash == plan.hash);
    RC_ASSERT(again.batches == plan.batches);
  }));
}

TEST(EveryPlan, LeavesDrainedPrimariesEmpty) {
  EXPECT_TRUE(holds("drained", [](const World&, const RebalanceSpec& spec, const Plan& plan) {
    if (plan.refusal || spec.goal.type != GoalType::kDrain) return;
    for (const auto& node : plan.nodes) {
      if (node.pod == spec.goal.drain.pods.front()) RC_ASSERT(node.slots_after == 0);
    }
  }));
}

TEST(EveryRefusal, ComesWithRemediesThatAreEnough) {
  EXPECT_TRUE(holds("remedies", [](const World& world, const RebalanceSpec& spec, const Plan& plan) {
    if (!plan.refusal) return;
    RC_ASSERT(plan.batches.empty());
    RC_ASSERT(!plan.refusal->sentence.empty());
    for (const auto& remedy : plan.refusal->remedies) {
      const auto [changed, asked] = applied(remedy, world, spec);
      RC_ASSERT(!make_plan(changed, asked).value().refusal.has_value());
    }
  }));
}

// Adding just what is short makes it fit, and a MiB less does not.
TEST(EveryRefusal, NamesATrueShortage) {
  EXPECT_TRUE(rc::check("shortage", [] {
    const Bytes data = *rc::gen::inRange<Bytes>(40, 90) * kMB;
    auto world = world_of({{data, 8000}, {data, 8384}});
    world.nodes[0].limit = world.nodes[1].limit = 2 * data;
    const auto spec = move("0-6999", "redis-1");
    const auto plan = make_plan(world, spec).value();
    RC_PRE(plan.refusal.has_value());
    RC_ASSERT(plan.refusal->pod == "redis-1");
    const auto with_ceiling = [&](Bytes more) {
      auto raised = world;
      const auto ceiling = walls_of(world.nodes[1], spec.headroom).ceiling + plan.refusal->short_bytes + more;
      raised.nodes[1].limit = (ceiling * 10 + 7) / 8;
      return make_plan(raised, spec).value();
    };
    RC_ASSERT(!with_ceiling(0).refusal.has_value());
    RC_ASSERT(with_ceiling(-kMiB).refusal.has_value());
  }));
}

}  // namespace
}  // namespace rebalance::testing
