#include "plan/planner.h"

#include <gmock/gmock.h>

#include <numeric>
#include <random>

#include "plan/hot_slots.h"
#include "plan/layout.h"
#include "plan/remedy.h"
#include "worlds.h"

namespace rebalance::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr Bytes kRoomy = 8 * kGiB;

const NodeForecast& row(const Plan& plan, const PodName& pod) {
  return *std::ranges::find(plan.nodes, pod, &NodeForecast::pod);
}

Plan plan_of(const World& world, const RebalanceSpec& spec) {
  auto plan = make_plan(world, spec);
  EXPECT_TRUE(plan) << plan.error().message;
  if (plan->refusal) ADD_FAILURE() << plan->refusal->sentence;
  return *plan;
}

std::string error_of(const World& world, const RebalanceSpec& spec) {
  const auto plan = make_plan(world, spec);
  EXPECT_FALSE(plan);
  if (plan) return {};
  EXPECT_EQ(plan.error().code, ErrorCode::kInvalidInput);
  return plan.error().message;
}

const Remedy* remedy(const Plan& plan, const std::string& kind) {
  const auto& all = plan.refusal->remedies;
  const auto found = std::ranges::find(all, kind, &Remedy::kind);
  return found != all.end() ? &*found : nullptr;
}

// --- Balance

TEST(Balance, ThreeToFourMovesAQuarterInOneRunFromEach) {
  const auto world = world_of(
      {{90 * kMB, 5461, kRoomy}, {90 * kMB, 5462, kRoomy}, {90 * kMB, 5461, kRoomy}, {0, 0, kRoomy}});
  const auto plan = plan_of(world, balance());
  EXPECT_LE(plan.skew_after, 1.025);
  EXPECT_LE(plan.bytes, 270 * kMB / 4);
  for (const auto& batch : plan.batches) EXPECT_EQ(batch.slots.ranges().size(), 1u) << batch.slots.text();
}

TEST(Balance, DoesNotStartWithinTheTolerance) {
  const auto world = world_of({{104 * kMB, 8000, kRoomy}, {96 * kMB, 8384, kRoomy}});
  EXPECT_TRUE(plan_of(world, balance()).nothing_to_do());
  auto strict = balance();
  strict.goal.balance.tolerance_percent = 3;
  EXPECT_FALSE(plan_of(world, strict).nothing_to_do());
}

// Slot sizes as in production: most are small, a few are fifty times as large.
World uneven_slots(int primaries) {
  World world = world_of(
      std::vector<Shard>(static_cast<std::size_t>(primaries), Shard{0, kSlotCount / primaries, kRoomy}));
  std::mt19937 random(3);
  std::lognormal_distribution<double> size(10, 1.2);
  for (auto& node : world.nodes) {
    for (const auto& range : node.slots.ranges()) {
      for (int slot = range.first; slot <= range.last; ++slot) {
        world.sizes.bytes[slot] = static_cast<Bytes>(size(random)) * (node.pod == "redis-0" ? 2 : 1);
        node.memory.used += world.sizes.bytes[slot];
      }
    }
    node.memory.rss = node.memory.used * 11 / 10;
  }
  return world;
}

TEST(Balance, EvensOutBytesNotSlotsWhereSizesVary) {
  auto spec = balance();
  const auto usual = plan_of(uneven_slots(8), spec);
  EXPECT_GT(usual.skew_before, 1.5);
  EXPECT_LE(usual.skew_after, 1.025);
  spec.goal.balance.tolerance_percent = 2;
  EXPECT_LE(plan_of(uneven_slots(8), spec).skew_after, 1.01);
}

TEST(Balance, MovesHardlyMoreThanTheLeast) {
  const auto plan = plan_of(uneven_slots(8), balance());
  const auto total =
      std::accumulate(plan.nodes.begin(), plan.nodes.end(), Bytes{0},
                      [](Bytes sum, const NodeForecast& node) { return sum + node.bytes_before; });
  Bytes surplus = 0;  // above the upper end of the band: must move whatever the algorithm
  for (const auto& node : plan.nodes)
    surplus += std::max<Bytes>(0, node.bytes_before - total / 8 * 1025 / 1000);
  EXPECT_LE(plan.bytes, surplus * 11 / 10);
}

TEST(Balance, BySlotsEqualisesCounts) {
  auto spec = balance();
  spec.goal.balance.metric = Metric::kSlots;
  const auto world = world_of({{10 * kMB, 12000, kRoomy}, {90 * kMB, 4384, kRoomy}});
  const auto plan = plan_of(world, spec);
  EXPECT_NEAR(row(plan, "redis-0").slots_after, 8192, 8192 * 0.025);
}

TEST(Balance, ByKeysEqualisesKeys) {
  auto spec = balance();
  spec.goal.balance.metric = Metric::kKeys;
  const auto plan = plan_of(world_of({{10 * kMB, 8192, kRoomy}, {90 * kMB, 8192, kRoomy}}), spec);
  const auto keys = [&](const char* pod) { return static_cast<double>(row(plan, pod).keys_after); };
  EXPECT_NEAR(keys("redis-0") / keys("redis-1"), 1, 0.05);
}

TEST(Balance, AWeightOf200IsTwoShares) {
  auto spec = balance();
  spec.goal.balance.weights = {{"redis-0", 200}};
  const auto plan = plan_of(world_of({{50 * kMB, 8192, kRoomy}, {50 * kMB, 8192, kRoomy}}), spec);
  EXPECT_NEAR(static_cast<double>(row(plan, "redis-0").bytes_after), 66.7e6, 1.7e6);
}

TEST(Balance, AClusterWithoutDataIsBalancedByCount) {
  const auto plan = plan_of(world_of({{0, 8192, kRoomy}, {0, 8192, kRoomy}, {0, 0, kRoomy}}), balance());
  EXPECT_NEAR(row(plan, "redis-2").slots_after, 5461, 150);
}

TEST(Balance, EmptySlotsSpreadToANewShardToo) {
  auto world = world_of({{0, 8192, kRoomy}, {0, 8192, kRoomy}, {0, 0, kRoomy}});
  for (int slot = 0; slot < kSlotCount; slot += 8) world.sizes.bytes[slot] = 10'000;
  const auto plan = plan_of(world, balance());
  EXPECT_LE(plan.skew_after, 1.025);
  EXPECT_NEAR(row(plan, "redis-2").slots_after, 5461, 300);
}

TEST(Balance, OneHugeSlotIsLeftAndSaid) {
  auto world = world_of({{0, 8192, kRoomy}, {0, 8192, kRoomy}});
  world.sizes.bytes[5] = 100 * kMB;
  const auto plan = plan_of(world, balance());
  EXPECT_TRUE(plan.nothing_to_do());
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_THAT(plan.notes[0], HasSubstr("too large"));
}

TEST(Balance, StaysWithinAZoneWhereThatIsEqual) {
  auto world = world_of({{90 * kMB, 8192, kRoomy}, {90 * kMB, 8192, kRoomy}, {0, 0, kRoomy}, {0, 0, kRoomy}});
  for (int i = 0; i < 4; ++i) world.nodes[i].zone = (i == 0 || i == 3) ? "a" : "b";
  for (const auto& batch : plan_of(world, balance()).batches) {
    EXPECT_EQ(world.find(batch.source)->zone, world.find(batch.target)->zone);
  }
}

TEST(Balance, AWeightForAReplicaNamesItsPrimary) {
  auto world = world_of({{50 * kMB, 8192}, {50 * kMB, 8192}});
  world.nodes.push_back(replica_of(world.nodes[1], 1));
  auto spec = balance();
  spec.goal.balance.weights = {{"replica-1", 200}};
  EXPECT_THAT(error_of(world, spec), HasSubstr("replica-1 is a replica of redis-1"));
}

// --- Drain

TEST(Drain, EmptiesThePodAndEvensOutTheOthers) {
  const auto world = world_of({{60 * kMB, 4096, kRoomy},
                               {20 * kMB, 4096, kRoomy},
                               {60 * kMB, 4096, kRoomy},
                               {40 * kMB, 4096, kRoomy}});
  const auto plan = plan_of(world, drain("redis-3"));
  EXPECT_EQ(row(plan, "redis-3").slots_after, 0);
  EXPECT_NEAR(static_cast<double>(row(plan, "redis-1").bytes_after), 60e6, 1e6);
  EXPECT_LE(plan.skew_after, 1.02);
}

TEST(Drain, ByNodeIdMeansThatVeryServer) {
  const auto world = world_of({{10 * kMB, 8192, kRoomy}, {10 * kMB, 8192, kRoomy}});
  RebalanceSpec spec = drain("redis-1");
  spec.goal.drain = {{}, {world.nodes[0].id}};
  EXPECT_EQ(row(plan_of(world, spec), "redis-0").slots_after, 0);
  spec.goal.drain.node_ids = {"feed"};
  EXPECT_THAT(error_of(world, spec), HasSubstr("feed"));
}

// As a pod that was drained and joined another primary is named again where a finished Drain is applied anew.
TEST(Drain, AReplicaHasNothingToGiveWhichIsSaid) {
  auto world = world_of({{10 * kMB, 8192}, {10 * kMB, 8192}});
  world.nodes.push_back(replica_of(world.nodes[0], 1));
  auto spec = drain("replica-1");
  const auto plan = plan_of(world, spec);
  EXPECT_TRUE(plan.batches.empty());
  EXPECT_THAT(plan.notes, ::testing::Contains(HasSubstr("replica-1 is a replica of redis-0")));
  spec.goal.drain.pods.push_back("redis-0");
  EXPECT_EQ(row(plan_of(world, spec), "redis-0").slots_after, 0);
}

TEST(Drain, OfAllPrimariesIsRefused) {
  auto spec = drain("redis-0");
  spec.goal.drain.pods.push_back("redis-1");
  EXPECT_THAT(error_of(world_of({{0, 8192}, {0, 8192}}), spec), HasSubstr("all 2 primaries"));
}

TEST(Drain, OfAnUnknownPodListsThePrimaries) {
  EXPECT_THAT(error_of(world_of({{0, 8192}, {0, 8192}}), drain("redis-9")),
              HasSubstr("its primaries are redis-0, redis-1"));
}

TEST(Drain, APrimaryThatWillJoinItsReceiverIsPricedAndNoted) {
  auto world = world_of({{20 * kMB, 8192}, {20 * kMB, 8192}});
  world.nodes[1].allow_replica_migration = true;
  const auto plan = plan_of(world, drain("redis-1"));
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_THAT(plan.notes[0], HasSubstr("redis-1 gives away its last slot"));
  EXPECT_THAT(plan.notes[0], HasSubstr("becomes a replica of redis-0"));
  EXPECT_GT(row(plan, "redis-1").peak, 40 * kMB);
}

// --- Move

TEST(Move, DoesExactlyWhatIsAskedAndLeavesWhatIsThere) {
  const auto world = world_of({{10 * kMB, 8192, kRoomy}, {10 * kMB, 8192, kRoomy}});
  const auto plan = plan_of(world, move("8000-8299", "redis-1"));
  ASSERT_EQ(plan.batches.size(), 1u);
  EXPECT_EQ(plan.batches[0].slots.text(), "8000-8191");
}

TEST(Move, RefusesASlotThatIsAssignedTwice) {
  auto spec = move("0-99", "redis-1");
  spec.goal.assignments.push_back({SlotSet::parse("99").value(), "redis-0"});
  EXPECT_THAT(error_of(world_of({{0, 8192}, {0, 8192}}), spec), HasSubstr("slot 99 is assigned twice"));
}

TEST(Move, RefusesASlotThatNobodyOwns) {
  EXPECT_THAT(error_of(world_of({{0, 100}, {0, 100}}), move("500", "redis-1")),
              HasSubstr("slot 500 has no owner"));
}

TEST(Repair, PlansNoMoves) {
  RebalanceSpec spec;
  spec.goal.type = GoalType::kRepair;
  EXPECT_TRUE(plan_of(world_of({{0, 100}, {90 * kMB, 16000}}), spec).nothing_to_do());
}

// --- order

TEST(Batches, RelieveTheFullestFirst) {
  auto world = world_of({{20 * kMB, 4096}, {80 * kMB, 4096}, {20 * kMB, 4096}, {0, 4096}});
  world.nodes[1].memory.rss = 100 * kMB;  // above its ceiling of 94.4 MiB
  auto spec = move("0-99", "redis-2");
  spec.goal.assignments.push_back({SlotSet::parse("4096-4195").value(), "redis-2"});
  EXPECT_EQ(plan_of(world, spec).batches.front().source, world.nodes[1].id);
}

// redis-1 is full to its maxmemory: it can take only after it gave.
TEST(Batches, WaitUntilTheirTargetHasRoom) {
  auto world = world_of({{50 * kMB, 4096, kRoomy}, {50 * kMB, 4096, kRoomy}, {0, 4096, kRoomy}});
  world.nodes[1].memory.maxmemory = 58 * kMB;
  auto spec = move("0-2047", "redis-1");
  spec.goal.assignments.push_back({SlotSet::parse("4096-8191").value(), "redis-2"});
  const auto plan = plan_of(world, spec);
  EXPECT_EQ(plan.batches.front().source, world.nodes[1].id);
}

TEST(Batches, StayWithinBytesAndSlotsButASingleSlotGoesAlone) {
  auto world = world_of({{64 * kMB, 64, kRoomy}, {0, 0, kRoomy}});
  world.sizes.bytes[3] = 9 * kMB;
  auto spec = move("0-63", "redis-1");
  spec.batch.max_bytes = 4 * kMB;
  spec.batch.max_slots = 3;
  const auto plan = plan_of(world, spec);
  EXPECT_EQ(plan.batches[0].slots.text(), "0-2");
  EXPECT_EQ(plan.batches[1].slots.text(), "3");
  EXPECT_EQ(plan.batches[2].slots.text(), "4-6");
}

// --- hash

TEST(PlanHash, CoversMovesAndLimitsButNotMeasuredBytes) {
  const auto world = world_of({{10 * kMB, 8192, kRoomy}, {10 * kMB, 8192, kRoomy}});
  const auto spec = move("0-99", "redis-1");
  const auto hash = plan_of(world, spec).hash;
  EXPECT_EQ(hash.size(), 16u);

  auto drifted = world;
  drifted.sizes.bytes[5] += 1000;
  drifted.nodes[0].memory.rss += kMiB;
  EXPECT_EQ(plan_of(drifted, spec).hash, hash);

  auto lowered = world;
  lowered.nodes[1].limit -= kMiB;
  EXPECT_NE(plan_of(lowered, spec).hash, hash);
  EXPECT_NE(plan_of(world, move("0-98", "redis-1")).hash, hash);
}

// --- refusals and remedies

World tight() { return world_of({{60 * kMB, 5461}, {60 * kMB, 5461}, {60 * kMB, 5462}}); }

TEST(Refusal, OfADrainThatCannotFitSaysHowMuchIsShortAndWhatWouldBeEnough) {
  const auto plan = make_plan(tight(), drain("redis-2")).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_EQ(plan.refusal->rule, "Ceiling");
  EXPECT_GT(plan.refusal->short_bytes, 0);
  for (const char* kind : {"RaiseLimit", "AddShard", "PartOfGoal"}) {
    const auto* way_out = remedy(plan, kind);
    ASSERT_NE(way_out, nullptr) << kind;
    const auto [world, spec] = applied(*way_out, tight(), drain("redis-2"));
    EXPECT_FALSE(make_plan(world, spec)->refusal) << way_out->sentence;
  }
}

TEST(Refusal, OfABalanceSaysHowFarTheLargestPartGoes) {
  const auto world = world_of({{90 * kMB, 8192, kRoomy}, {0, 8192, 40 * kMiB}});
  const auto plan = make_plan(world, balance()).value();
  ASSERT_TRUE(plan.refusal);
  ASSERT_NE(remedy(plan, "PartOfGoal"), nullptr);
  EXPECT_THAT(remedy(plan, "PartOfGoal")->sentence, HasSubstr("bring the skew from 2.00 to 1."));
  for (const auto& [slots, pod] : remedy(plan, "PartOfGoal")->part)
    EXPECT_THAT(remedy(plan, "PartOfGoal")->sentence, HasSubstr(slots.text() + " to " + pod));
}

TEST(Refusal, NamesTheSmallestLimitThatIsEnough) {
  const auto plan = make_plan(tight(), drain("redis-2")).value();
  auto less = *remedy(plan, "RaiseLimit");
  EXPECT_THAT(less.pods, ::testing::ElementsAre("redis-0", "redis-1"));
  less.value -= 2 * kMiB;
  EXPECT_TRUE(make_plan(applied(less, tight(), drain("redis-2")).world, drain("redis-2"))->refusal);
}

TEST(Refusal, LowerMinFreeIsTheHighestPercentThatIsEnough) {
  const auto world = world_of({{62 * kMB, 8192}, {62 * kMB, 8192}});
  const auto spec = move("0-2599", "redis-1");
  const auto plan = make_plan(world, spec).value();
  ASSERT_TRUE(plan.refusal);
  auto way_out = *remedy(plan, "LowerMinFree");
  EXPECT_FALSE(make_plan(world, applied(way_out, world, spec).spec)->refusal);
  way_out.value += 1;
  EXPECT_TRUE(make_plan(world, applied(way_out, world, spec).spec)->refusal);
}

TEST(Refusal, OfMaxmemoryNamesTheMaxmemoryThatIsEnough) {
  auto world = world_of({{50 * kMB, 8192, kRoomy}, {50 * kMB, 8192, kRoomy}});
  world.nodes[1].memory.maxmemory = 60 * kMB;
  const auto plan = make_plan(world, move("0-4095", "redis-1")).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_EQ(plan.refusal->rule, "Maxmemory");
  ASSERT_NE(remedy(plan, "RaiseMaxmemory"), nullptr);
  EXPECT_EQ(remedy(plan, "RaiseMaxmemory")->pod, "redis-1");
}

TEST(Refusal, OfAPodWithoutALimitNamesTheLimitThatIsEnough) {
  auto world = world_of({{50 * kMB, 8192}, {10 * kMB, 8192}});
  world.nodes[1].limit = 0;
  const auto plan = make_plan(world, move("0-99", "redis-1")).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_EQ(plan.refusal->rule, "NoLimit");
  EXPECT_EQ(remedy(plan, "RaiseLimit")->pod, "redis-1");
}

// One pair of these versions, and the engine that it gets.
Plan plan_between(Version source, Version target, EngineChoice choice = EngineChoice::kAuto,
                  bool accept_unsafe = false) {
  auto world = world_of({{10 * kMB, 8192, kRoomy}, {10 * kMB, 8192, kRoomy}});
  world.nodes[0].version = source;
  world.nodes[1].version = target;
  auto spec = move("0", "redis-1");
  spec.engine = choice;
  spec.accept_unsafe_versions = accept_unsafe;
  return make_plan(world, spec).value();
}

TEST(Engines, AreAtomicWhereBothEndsAreAndSayWhy) {
  const Version redis{ServerKind::kRedis, 8, 6, 0}, valkey{ServerKind::kValkey, 9, 1, 2};
  EXPECT_EQ(plan_between(redis, redis).engines.at(0).engine, Engine::kAtomicRedis);
  EXPECT_EQ(plan_between(valkey, valkey).engines.at(0).engine, Engine::kAtomicValkey);
  EXPECT_THAT(plan_between(redis, redis).engines.at(0).why, HasSubstr("in one go"));
  EXPECT_EQ(plan_between(redis, redis, EngineChoice::kKeyByKey).engines.at(0).engine, Engine::kKeyByKey);
}

TEST(Engines, AreKeyByKeyElsewhereAndSayWhatABetterOneWouldNeed) {
  const Version old{ServerKind::kRedis, 7, 2, 4}, redis{ServerKind::kRedis, 8, 6, 0};
  const auto plan = plan_between(old, redis);
  EXPECT_EQ(plan.engines.at(0).engine, Engine::kKeyByKey);
  EXPECT_THAT(plan.engines.at(0).why, HasSubstr("Redis 7.2.4 of redis-0 has no atomic"));
  EXPECT_THAT(plan.engines.at(0).lacking, HasSubstr("Redis 8.4.1"));
}

TEST(Engines, WithKnownDefectsAreTakenOnlyWhenTheSpecAcceptsThem) {
  const Version unsafe{ServerKind::kValkey, 9, 0, 3};
  const auto plan = plan_between(unsafe, unsafe);
  EXPECT_EQ(plan.engines.at(0).engine, Engine::kKeyByKey);
  EXPECT_THAT(plan.engines.at(0).why, HasSubstr("known defects"));
  EXPECT_EQ(plan_between(unsafe, unsafe, EngineChoice::kAuto, true).engines.at(0).engine,
            Engine::kAtomicValkey);
}

TEST(Engines, AreKeyByKeyWhereTheUserMayNotCommandAnotherAndSayTheRight) {
  auto world = world_of({{10 * kMB, 8192, kRoomy}, {10 * kMB, 8192, kRoomy}});
  for (auto& node : world.nodes) node.version = {ServerKind::kRedis, 8, 6, 0};
  world.nodes[1].atomic_denied = true;
  const auto plan = make_plan(world, move("0", "redis-1")).value();
  EXPECT_EQ(plan.engines.at(0).engine, Engine::kKeyByKey);
  EXPECT_THAT(plan.engines.at(0).why, HasSubstr("redis-1"));
  EXPECT_THAT(plan.engines.at(0).lacking, HasSubstr("+cluster|migration"));
}

// --- hot slots

TEST(HotSlots, MoveAloneAfterAllOthersOfTheirPair) {
  auto world = world_of({{90 * kMB, 100, kRoomy}, {90 * kMB, 16284, kRoomy}});
  world.sizes.bytes[3] = 40 * kMB;
  auto spec = move("0-49", "redis-1");
  const auto plan = plan_of(world, spec);
  ASSERT_EQ(plan.batches.size(), 2U);
  EXPECT_EQ(plan.batches[0].slots.text(), "0-2,4-49");
  EXPECT_EQ(plan.batches[1].slots.text(), "3");
  spec.hot_slots.action = HotSlotAction::kIgnore;
  EXPECT_EQ(plan_of(world, spec).batches.size(), 1U);
}

// Each of two nodes tells, and slot 3 is as large as any other.
World world_with_operations() {
  auto world = world_of({{90 * kMB, 100, kRoomy}, {90 * kMB, 16284, kRoomy}});
  for (const auto& node : world.nodes) {
    world.sizes.cpu_known.add(node.slots);
    for_each_slot(node.slots, [&](Slot slot) { world.sizes.cpu_usec[slot] = 10'000; });
  }
  world.sizes.cpu_usec[3] = 4'000'000;  // and 990,000 of the others of redis-0
  return world;
}

TEST(HotSlots, ByOperationsMoveAloneAfterAllOthersToo) {
  auto world = world_with_operations();
  auto spec = move("0-49", "redis-1");
  const auto plan = plan_of(world, spec);
  ASSERT_EQ(plan.batches.size(), 2U);
  EXPECT_EQ(plan.batches[0].slots.text(), "0-2,4-49");
  EXPECT_EQ(plan.batches[1].slots.text(), "3");
  EXPECT_THAT(hot_slots(world, spec.hot_slots),
              ElementsAre(Pair(3,
                               "its commands take 80 % of the time of all commands to slots of redis-0 "
                               "(since its counters began)")));
  world.sizes.cpu_recent = world.sizes.cpu_known;
  EXPECT_THAT(hot_slots(world, spec.hot_slots).at(3), HasSubstr("(while it was looked at)"));
  spec.hot_slots.share_percent = 81;
  EXPECT_EQ(plan_of(world, spec).batches.size(), 1U);
  spec.hot_slots = {.action = HotSlotAction::kIgnore};
  EXPECT_EQ(plan_of(world, spec).batches.size(), 1U);
}

TEST(HotSlots, OfLessThanASecondAreNotHot) {
  auto world = world_with_operations();
  for (auto& usec : world.sizes.cpu_usec) usec /= 5;
  EXPECT_THAT(hot_slots(world, {}), IsEmpty());
}

TEST(HotSlots, ByBothSayBoth) {
  auto world = world_with_operations();
  world.sizes.bytes[3] = 40 * kMB;
  EXPECT_THAT(hot_slots(world, {}).at(3),
              AllOf(HasSubstr("it holds 38.1Mi"), HasSubstr(", and its commands")));
}

TEST(HotSlots, WhoseOperationsAreUnknownIsToldWithTheReason) {
  auto world = world_of({{90 * kMB, 100, kRoomy}, {90 * kMB, 16284, kRoomy}});
  for (auto& node : world.nodes) node.version = {ServerKind::kRedis, 7, 0, 15};
  EXPECT_EQ(
      operations_unknown(world, {}),
      "Hot slots of redis-0 and 1 more are judged by memory alone, not by operations: Redis 7.0.15 has no "
      "CLUSTER SLOT-STATS for it.");
  world.nodes[0].version = {ServerKind::kValkey, 8, 0, 0};
  EXPECT_THAT(operations_unknown(world, {}), HasSubstr("cluster-slot-stats-enabled is off"));
  EXPECT_EQ(operations_unknown(world, {.action = HotSlotAction::kIgnore}), "");
  EXPECT_EQ(operations_unknown(world_with_operations(), {}), "");
}

TEST(Engines, CopyLiveWhereThatIsProvenAndNothingBetterCanBeHad) {
  for (const auto& version : {Version{ServerKind::kRedis, 6, 2, 14}, Version{ServerKind::kRedis, 7, 0, 15},
                              Version{ServerKind::kRedis, 8, 0, 2}}) {
    EXPECT_EQ(plan_between(version, version, EngineChoice::kLiveCopy).engines.at(0).engine, Engine::kLiveCopy)
        << version.text();
    const auto chosen = plan_between(version, version).engines.at(0);
    EXPECT_THAT(chosen.lacking, HasSubstr("8.4.1"));
    EXPECT_EQ(chosen.engine, Engine::kLiveCopy) << version.text();
    EXPECT_THAT(chosen.why, HasSubstr("has no atomic slot migration: copies first"));
  }
  for (const auto& version : {Version{ServerKind::kRedis, 6, 0, 16}, Version{ServerKind::kRedis, 7, 2, 4},
                              Version{ServerKind::kRedis, 8, 2, 0}, Version{ServerKind::kValkey, 8, 1, 1}}) {
    const auto asked = plan_between(version, version, EngineChoice::kLiveCopy);
    ASSERT_TRUE(asked.refusal) << version.text();
    EXPECT_EQ(asked.refusal->rule, "LiveCopyNotPossible");
    EXPECT_THAT(asked.refusal->sentence, HasSubstr("Redis 6.2, 7.0, 8.0"));
    EXPECT_EQ(plan_between(version, version).engines.at(0).engine, Engine::kKeyByKey) << version.text();
  }
  const Version older{ServerKind::kRedis, 7, 0, 15}, newer{ServerKind::kRedis, 8, 0, 2};
  EXPECT_FALSE(plan_between(older, newer, EngineChoice::kLiveCopy).refusal);
  const auto back = plan_between(newer, older, EngineChoice::kLiveCopy);
  ASSERT_TRUE(back.refusal);
  EXPECT_THAT(back.refusal->sentence, HasSubstr("older than"));
}

TEST(Engines, DoNotCopyLiveWhereTheUserLacksARight) {
  auto world = world_of({{10 * kMB, 8192, kRoomy}, {10 * kMB, 8192, kRoomy}});
  for (auto& node : world.nodes) node.version = {ServerKind::kRedis, 7, 0, 15};
  world.nodes[0].live_denied = "+client|tracking";
  auto spec = move("0", "redis-1");
  EXPECT_EQ(make_plan(world, spec).value().engines.at(0).engine, Engine::kKeyByKey);
  spec.engine = EngineChoice::kLiveCopy;
  const auto plan = make_plan(world, spec).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_THAT(plan.refusal->sentence, HasSubstr("+client|tracking"));
}

TEST(Engines, AtomicThatCannotBeIsRefusedWithTheReason) {
  const Version old{ServerKind::kRedis, 7, 0, 15};
  const auto plan = plan_between(old, old, EngineChoice::kAtomic);
  ASSERT_TRUE(plan.refusal);
  EXPECT_EQ(plan.refusal->rule, "AtomicNotPossible");
  EXPECT_THAT(plan.refusal->sentence, HasSubstr("Redis 8.4.1"));
  EXPECT_TRUE(plan.batches.empty());
}

}  // namespace
}  // namespace rebalance::testing
