// headroom.onShortage Resize: which limits are raised, how far, and where it is no way.
#include "plan/stretch.h"

#include <gmock/gmock.h>

#include "worlds.h"

namespace rebalance::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Bytes kRoomy = 8 * kGiB;

RebalanceSpec resize(Bytes most = 2 * kGiB) {
  auto spec = move("0-1499", "redis-1");
  spec.headroom.on_shortage = OnShortage::kResize;
  spec.headroom.resize_max_limit = most;
  return spec;
}

World two(Bytes limit = kRoomy) { return world_of({{100 * kMB, 5461, kRoomy}, {0, 0, limit}}); }

const NodeForecast& receiver(const Plan& plan) {
  return *std::ranges::find(plan.nodes, "redis-1", &NodeForecast::pod);
}

// Of which the ceiling covers so much.
Bytes limit_for(Bytes bytes) { return bytes / 80 * 100; }

// Between what is there at the end, and what is there in the meantime.
Bytes tight() {
  const auto plan = make_plan(two(), resize()).value();
  return limit_for((receiver(plan).base_after + receiver(plan).peak) / 2);
}

TEST(Stretch, WhatFitsRaisesNothing) { EXPECT_THAT(make_plan(two(), resize())->raises, IsEmpty()); }

TEST(Stretch, ReceiversGetAboutWhatTheyNeedAndTheRestOfThePlanIsTheSame) {
  const auto plan = make_plan(two(tight()), resize()).value();
  ASSERT_FALSE(plan.refusal) << plan.refusal->sentence;
  ASSERT_THAT(plan.raises, SizeIs(1));
  const auto& raise = plan.raises.front();
  EXPECT_EQ(raise.pod, "redis-1");
  EXPECT_EQ(raise.from, tight());
  EXPECT_EQ(raise.to % kMiB, 0);
  EXPECT_GE(raise.to, limit_for(receiver(plan).peak));
  EXPECT_LE(raise.to, limit_for(receiver(plan).peak) * 106 / 100 + kMiB);
  EXPECT_EQ(receiver(plan).limit, raise.to);
  EXPECT_EQ(plan.slots, 1500);
  EXPECT_THAT(plan.notes.back(), HasSubstr(quantity_text(raise.to)));
}

TEST(Stretch, ReplicasOfAReceiverAreReceivers) {
  auto world = two();
  world.nodes.push_back(replica_of(world.nodes[1], 1));
  world.nodes.back().limit = tight();
  const auto plan = make_plan(world, resize()).value();
  ASSERT_THAT(plan.raises, SizeIs(1)) << (plan.refusal ? plan.refusal->sentence : "");
  EXPECT_EQ(plan.raises.front().pod, "replica-1");
}

TEST(Stretch, AnotherRaiseIsAnotherPlan) {
  const auto some = make_plan(two(tight()), resize()).value();
  const auto other = make_plan(two(tight() - 256 * kKiB), resize()).value();
  EXPECT_NE(some.hash, other.hash);
}

TEST(Stretch, OnlyWhereTheSpecAsksForIt) {
  auto spec = resize();
  spec.headroom.on_shortage = OnShortage::kRefuse;
  const auto plan = make_plan(two(tight()), spec).value();
  EXPECT_TRUE(plan.refusal);
  EXPECT_THAT(plan.raises, IsEmpty());
}

struct NoWay {
  const char* name;
  std::function<void(World&, RebalanceSpec&)> change;
  const char* sentence;
};

TEST(Stretch, WhereItIsNoWayThePlanIsRefusedAndSaysWhy) {
  const NoWay rows[] = {
      {"the data stays", [](World& world, RebalanceSpec&) { world.nodes[1].limit = 30 * kMiB; },
       "at the end it would hold"},
      {"the bound is too low",
       [](World& world, RebalanceSpec& spec) { spec.headroom.resize_max_limit = world.nodes[1].limit; },
       "headroom.resize.maxLimit is"},
      {"it would restart",
       [](World& world, RebalanceSpec&) { world.nodes[1].resize.hindrance = "its resizePolicy restarts it"; },
       "The limit of redis-1 is not raised in place: its resizePolicy restarts it."},
      {"it is not a matter of limits",
       [](World& world, RebalanceSpec&) { world.nodes[1].memory.maxmemory = 4 * kMiB; },
       "does not make room for it"},
      {"the one that gives is short",
       [](World& world, RebalanceSpec&) { world.nodes[0].limit = world.nodes[0].memory.rss; },
       "does not make room for it"},
  };
  for (const auto& [name, change, sentence] : rows) {
    auto world = two(tight());
    auto spec = resize();
    change(world, spec);
    const auto plan = make_plan(world, spec).value();
    ASSERT_TRUE(plan.refusal) << name;
    EXPECT_THAT(plan.refusal->sentence, HasSubstr(sentence)) << name;
    EXPECT_THAT(plan.raises, IsEmpty()) << name;
    EXPECT_GT(plan.refusal->short_bytes, 0) << name;
  }
}

TEST(Stretch, WhatIsPlannedDoesNotHangOnHowFarAResizeIs) {
  const auto before = make_plan(two(tight()), resize()).value();
  auto world = two(before.raises.front().to);
  EXPECT_EQ(make_plan(before_raises(world, before.raises), resize())->hash, before.hash);
  world.nodes[1].limit = kMiB;  // somebody lowered it
  EXPECT_EQ(before_raises(world, before.raises).nodes[1].limit, kMiB);
}

TEST(Stretch, AtRestAPodMayHoldALittleMoreThanWasPromisedWithAForkUnderTheFloodWatermark) {
  auto node = two().nodes[1];
  node.memory.used = 60 * kMiB;
  node.save_points = false;
  EXPECT_EQ(most_at_rest(node, 100 * kMiB, {}), 90 * kMiB);
  node.save_points = true;  // a tenth of what is used
  EXPECT_EQ(most_at_rest(node, 100 * kMiB, {}), 89 * kMiB);
  node.memory.last_cow = 20 * kMiB;
  EXPECT_EQ(most_at_rest(node, 100 * kMiB, {}), 75 * kMiB);
}

}  // namespace
}  // namespace rebalance::testing
