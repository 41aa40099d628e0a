// The over-full cluster that redis-cli's reshard got killed: three primaries with a limit of 118 MiB, 102 MB
// used and 111 MB resident each, and one empty node.
#include <gmock/gmock.h>

#include "worlds.h"

namespace rebalance::testing {
namespace {

using ::testing::HasSubstr;

World incident() {
  auto world = world_of({{100 * kMB, 5461}, {100 * kMB, 5462}, {100 * kMB, 5461}, {0, 0}});
  for (int i = 0; i < 3; ++i) world.nodes[i].memory.rss = 111 * kMB;
  return world;
}

TEST(Incident, EveryGiverIsOverItsCeilingAndUnderTheFloodMark) {
  const auto walls = walls_of(incident().nodes[0], {});
  EXPECT_GT(111 * kMB, walls.ceiling);
  EXPECT_LT(111 * kMB + source_transient(kMigratePayload, false), walls.flood);
}

TEST(Incident, ReliefToTheEmptyNodeIsAllowed) {
  const auto plan = make_plan(incident(), balance()).value();
  ASSERT_FALSE(plan.refusal) << plan.refusal->sentence;
  for (const auto& batch : plan.batches) EXPECT_EQ(batch.target, incident().nodes[3].id);
  const auto& receiver = plan.nodes[3];
  EXPECT_LE(receiver.peak, receiver.ceiling);
  EXPECT_GT(receiver.bytes_after, 70 * kMB);
  EXPECT_LE(plan.skew_after, 1.025);
  for (int giver = 0; giver < 3; ++giver) EXPECT_LE(plan.nodes[giver].peak, plan.nodes[giver].flood);
}

TEST(Incident, TheReshardThatKilledANodeIsRefusedBeforeTheFirstKey) {
  const auto plan = make_plan(incident(), move("0-1499", "redis-1")).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_TRUE(plan.batches.empty());
  EXPECT_EQ(plan.refusal->pod, "redis-1");
  EXPECT_EQ(plan.refusal->rule, "HighWatermark");
  EXPECT_THAT(plan.refusal->sentence,
              HasSubstr("redis-1 (limit 118.0Mi) stands at 105.9Mi, 5.6Mi above its high watermark"));
  EXPECT_THAT(plan.refusal->sentence, HasSubstr("would reach 147.7Mi while it receives 26.2Mi"));
}

TEST(Incident, TheRemediesAreComputedAndTheLargestPartGoesToTheEmptyNode) {
  auto spec = move("0-1499", "redis-1");
  spec.goal.assignments.push_back({SlotSet::parse("1500-2999").value(), "redis-3"});
  const auto plan = make_plan(incident(), spec).value();
  ASSERT_TRUE(plan.refusal);
  std::vector<std::string> kinds;
  for (const auto& remedy : plan.refusal->remedies) kinds.push_back(remedy.kind);
  EXPECT_THAT(kinds, ::testing::ElementsAre("RaiseLimit", "PartOfGoal"));
  const auto& part = plan.refusal->remedies.back();
  ASSERT_EQ(part.part.size(), 1u);
  EXPECT_EQ(part.part.front().pod, "redis-3");
  EXPECT_EQ(part.part.front().slots.text(), "1500-2999");
}

}  // namespace
}  // namespace rebalance::testing
