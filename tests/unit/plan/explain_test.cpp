// What a plan says of each node and slot, and that its figures are the planner's.
#include "plan/explain.h"

#include <gmock/gmock.h>

#include "worlds.h"

namespace rebalance::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Three primaries with data and an empty one.
World lopsided() { return world_of({{60 * kMB, 5461}, {60 * kMB, 5462}, {60 * kMB, 5461}, {0, 0}}); }

std::string why(const Plan& plan, const PodName& pod) {
  return std::ranges::find(plan.nodes, pod, &NodeForecast::pod)->why;
}
// "1337 slots (14.0Mi)", as the plan has them.
std::string moved(const Plan& plan, const PodName& pod) {
  const auto& node = *std::ranges::find(plan.nodes, pod, &NodeForecast::pod);
  return fmt::format("{} slots ({})", std::abs(node.slots_after - node.slots_before),
                     human_bytes(std::abs(node.bytes_after - node.bytes_before)));
}
std::string why(const World& world, const RebalanceSpec& spec, const PodName& pod) {
  return why(make_plan(world, spec).value(), pod);
}

std::vector<std::string> slot_of(const World& world, const RebalanceSpec& spec, Slot slot) {
  return explain_slot(make_plan(world, spec).value(), world, spec, slot);
}

TEST(Explain, WhoGivesAndWhoReceivesInABalanceSayWhatTheyHoldAndTheirShare) {
  const auto plan = make_plan(lopsided(), balance()).value();
  EXPECT_EQ(why(plan, "redis-0"), "redis-0 gives " + moved(plan, "redis-0") +
                                      " to redis-3: it holds 57.2Mi of data, its share is 42.9Mi.");
  EXPECT_EQ(why(plan, "redis-3"),
            "redis-3 receives " + moved(plan, "redis-3") +
                " from redis-0, redis-1 and redis-2: it holds 0 of data, its share is 42.9Mi.");
}

TEST(Explain, TheSharesOfABalanceFollowItsMetricAndItsWeights) {
  auto spec = balance();
  spec.goal.balance.metric = Metric::kSlots;
  spec.goal.balance.weights = {{"redis-3", 200}};
  EXPECT_THAT(why(lopsided(), spec, "redis-0"), HasSubstr("it holds 5461 slots, its share is 3277."));
  EXPECT_THAT(why(lopsided(), spec, "redis-3"),
              HasSubstr("it holds 0 slots, its share by its weight of 200 is 6554."));
  spec.goal.balance.metric = Metric::kKeys;
  EXPECT_THAT(why(lopsided(), spec, "redis-0"), HasSubstr(" keys, its share is "));
}

TEST(Explain, APrimaryWithinTheToleranceNeitherGivesNorReceives) {
  const auto world = world_of({{61 * kMB, 8192}, {60 * kMB, 8192}});
  EXPECT_EQ(why(world, balance(), "redis-1"),
            "redis-1 neither gives nor receives: it holds 57.2Mi of data, its share is 57.7Mi, 0.8 % off; a "
            "balance starts above 5 %.");
}

TEST(Explain, SlotsWithoutDataAreSpreadByNumber) {
  const auto plan = make_plan(world_of({{0, 16384}, {0, 0}}), balance()).value();
  EXPECT_EQ(why(plan, "redis-1"), "redis-1 receives " + moved(plan, "redis-1") +
                                      " from redis-0: it holds 0 slots, its share is 8192; slots that hold "
                                      "nothing are spread by number.");
}

TEST(Explain, AGiverOverItsCeilingSaysThatItGivesFirst) {
  auto world = lopsided();
  world.nodes[0].memory.rss = 100 * kMiB;
  EXPECT_THAT(why(world, balance(), "redis-0"),
              HasSubstr("; it stands at 100.0Mi, 5.6Mi over its ceiling of 94.4Mi, so it gives first."));
}

// Off its share by less than any slot holds: only a single slot that is a little too large would help.
World of_few_slots(Bytes limit) {
  World world;
  world.nodes = {primary(0, {40 * kMB, 0, kGiB}), primary(1, {30 * kMB, 0, limit})};
  const std::vector<Bytes> sizes = {20 * kMB, 13 * kMB, 7 * kMB, 30 * kMB};
  for (std::size_t slot = 0; slot < sizes.size(); ++slot) world.sizes.bytes[slot] = sizes[slot];
  world.nodes[0].slots.add({0, 2});
  world.nodes[1].slots.add({3, 3});
  return world;
}

TEST(Explain, APrimaryWhoseSlotsAreTooLargeStaysOffItsShare) {
  auto world = of_few_slots(kGiB);
  world.sizes.bytes[1] = 20 * kMB, world.sizes.bytes[2] = 0;
  ASSERT_TRUE(make_plan(world, balance())->batches.empty());
  EXPECT_EQ(why(world, balance(), "redis-0"),
            "redis-0 neither gives nor receives, 14.3 % off its share: it holds 38.1Mi of data, its share is "
            "33.4Mi; single slots are too large for a better fit.");
}

TEST(Explain, APrimaryOverItsCeilingGetsNoSingleSlotAndSaysWhichLimitWouldBringIt) {
  EXPECT_THAT(why(of_few_slots(kGiB), balance(), "redis-1"), StartsWith("redis-1 receives 1 slot (6.7Mi)"));
  const auto tight = of_few_slots(45 * kMiB);
  EXPECT_EQ(
      why(tight, balance(), "redis-1"),
      "redis-1 receives nothing: it holds 28.6Mi of data, its share is 33.4Mi, but it stands at 37.7Mi, "
      "1.7Mi over its ceiling of 36.0Mi, and so gets no single slots for a better fit.");
  EXPECT_THAT(why(tight, balance(), "redis-0"), HasSubstr("nobody below its share may receive."));
  const auto raised = limit_to_receive(tight, balance(), "redis-1").value_or("none");
  EXPECT_THAT(raised,
              ::testing::MatchesRegex("With a memory limit of [0-9]+Mi for redis-1 it would receive."));
  const auto limit = parse_quantity(raised.substr(23, raised.find(" for") - 23)).value();
  EXPECT_THAT(why(of_few_slots(limit), balance(), "redis-1"), StartsWith("redis-1 receives 1 slot "));
  EXPECT_EQ(limit_to_receive(tight, balance(), "redis-0"), std::nullopt);
}

TEST(Explain, AReplicaFollowsItsPrimary) {
  auto world = lopsided();
  world.nodes.push_back(replica_of(world.nodes[0], 0));
  world.nodes.push_back(replica_of(world.nodes[3], 3));
  const auto plan = make_plan(world, balance()).value();
  EXPECT_EQ(why(plan, "replica-0"),
            "replica-0 is a replica of redis-0 and owns no slots: what its primary does not receive it does "
            "not receive either.");
  EXPECT_EQ(why(plan, "replica-3"), fmt::format("replica-3 is a replica of redis-3 and owns no slots: it "
                                                "receives the {} that its primary receives as well.",
                                                human_bytes(plan.bytes)));
}

TEST(Explain, APodWithoutALimitReceivesNothingInTheWordsOfTheRefusal) {
  auto world = lopsided();
  world.nodes[3].limit = 0;
  const auto plan = make_plan(world, balance()).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_EQ(why(plan, "redis-3"), plan.refusal->sentence);
}

TEST(Explain, OfARefusedPlanItSaysWhatWouldMove) {
  auto world = lopsided();
  world.nodes[3].limit = 50 * kMiB;
  const auto plan = make_plan(world, balance()).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_EQ(why(plan, "redis-3"),
            "redis-3 would receive " + moved(plan, "redis-3") + ": it holds 0 of data, its share is 42.9Mi.");
  EXPECT_THAT(explain_slot(plan, world, balance(), 5000),
              ElementsAre(StartsWith("Slot 5000 stays at redis-0; "), StartsWith("redis-0 would give ")));
}

TEST(Explain, ADrainNamesWhoLeavesAndSaysWhyOthersReceiveOrNot) {
  const auto world = world_of({{20 * kMB, 5461}, {20 * kMB, 5462}, {60 * kMB, 5461}});
  const auto plan = make_plan(world, drain("redis-0")).value();
  EXPECT_EQ(
      why(plan, "redis-0"),
      "redis-0 gives 5461 slots (19.1Mi) to redis-1: goal.drain names it, so it gives all that it owns.");
  EXPECT_EQ(why(plan, "redis-1"),
            "redis-1 receives 5461 slots (19.1Mi) from redis-0: what leaves goes to those that hold least, "
            "and it holds 19.1Mi.");
  EXPECT_EQ(why(plan, "redis-2"),
            "redis-2 receives nothing: it holds 57.2Mi, and those that receive end at 38.1Mi or less.");
  EXPECT_EQ(why(lopsided(), drain("redis-3"), "redis-3"),
            "redis-3 gives nothing: it owns no slots any more.");
}

TEST(Explain, AMoveSaysWhatItsAssignmentsName) {
  const auto plan = make_plan(lopsided(), move("0-9", "redis-1")).value();
  EXPECT_EQ(why(plan, "redis-0"),
            "redis-0 gives 10 slots (107.3Ki) to redis-1: goal.move.assignments says so.");
  EXPECT_THAT(why(plan, "redis-2"), HasSubstr("redis-2 neither gives nor receives: goal.move.assignments"));
}

TEST(Explain, ARepairPlansNoMoves) {
  RebalanceSpec spec;
  spec.goal.type = GoalType::kRepair;
  EXPECT_EQ(why(lopsided(), spec, "redis-0"), "redis-0 keeps its slots: goal Repair plans no moves.");
}

TEST(Explain, ASlotThatMovesNamesItsBatchItsEndsAndItsEngine) {
  const auto plan = make_plan(lopsided(), balance()).value();
  const auto& batch = plan.batches.at(1);
  const Slot slot = batch.slots.ranges().front().first;
  const auto world = lopsided();
  const auto lines = explain_slot(plan, world, balance(), slot);
  const auto from = world.pod_of(batch.source), to = world.pod_of(batch.target);
  EXPECT_THAT(lines,
              ElementsAre(StartsWith(fmt::format("Slot {} goes from {} to {} in batch 2 of {}; it holds ",
                                                 slot, from, to, plan.batches.size())),
                          HasSubstr("Which slots make up the amount is free"), why(plan, from), why(plan, to),
                          StartsWith(fmt::format("{} -> {}: LiveCopy, ", from, to))));
}

TEST(Explain, ASlotThatStaysNamesItsOwnerAndWhatThatOneDoes) {
  EXPECT_THAT(
      slot_of(lopsided(), balance(), 0),
      ElementsAre("Slot 0 stays at redis-0; it holds 10 keys, 10.7Ki.", StartsWith("redis-0 gives ")));
}

TEST(Explain, ASlotThatNobodyOwnsStaysAsItIs) {
  auto world = lopsided();
  world.nodes[0].slots.remove(SlotRange{7, 7});
  EXPECT_THAT(slot_of(world, balance(), 7),
              ElementsAre("Slot 7 has no owner and stays as it is; the goal Repair finds out why."));
}

TEST(Explain, OfAKeptPlanAloneASlotInNoBatchStays) {
  const auto plan = make_plan(lopsided(), balance()).value();
  World names = lopsided();
  for (auto& node : names.nodes) node.slots = {};
  EXPECT_THAT(explain_slot(plan, names, balance(), 0),
              ElementsAre("Slot 0 is in no batch of the plan that is kept: it stays where it is."));
}

TEST(Explain, APodSaysItsMemoryAndItsEngines) {
  const auto world = lopsided();
  const auto plan = make_plan(world, balance()).value();
  EXPECT_THAT(explain_pod(plan, world, "redis-0").value(),
              ElementsAre(why(plan, "redis-0"), memory_sentence(plan.nodes.front()),
                          StartsWith("redis-0 -> redis-3: LiveCopy, ")));
}

TEST(Explain, AnUnknownPodIsAnErrorThatNamesThoseThatAreThere) {
  const auto world = lopsided();
  const auto lines = explain_pod(make_plan(world, balance()).value(), world, "redis-9");
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(lines.error().message,
            "pod redis-9 is not part of the cluster; its pods are redis-0, redis-1, redis-2 and redis-3.");
}

TEST(Explain, MemoryIsToldAgainstTheWallsThatItPasses) {
  NodeForecast node{.pod = "redis-0", .limit = 100 * kMiB, .ceiling = 80 * kMiB, .flood = 95 * kMiB};
  node.used = 40 * kMiB, node.base = node.peak = 50 * kMiB;
  EXPECT_EQ(memory_sentence(node),
            "It uses 40.0Mi, 50.0Mi resident of a limit of 100.0Mi, 30.0Mi below its ceiling of 80.0Mi.");
  node.peak = 90 * kMiB, node.peak_batch = 4;
  EXPECT_THAT(memory_sentence(node),
              HasSubstr("; at most 90.0Mi in batch 5, 10.0Mi over its ceiling of 80.0Mi and "
                        "5.0Mi below its flood watermark of 95.0Mi."));
  node.limit = 0;
  EXPECT_EQ(memory_sentence(node), "It uses 40.0Mi, 50.0Mi resident.");
}

}  // namespace
}  // namespace rebalance::testing
