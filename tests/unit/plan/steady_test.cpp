#include "plan/steady.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace rebalance {
namespace {

using testing::HasSubstr;

NodeId id(int number) { return std::string(39, '0') + static_cast<char>('a' + number); }

WorldNode node(int number, Bytes used, Bytes limit) {
  WorldNode made{.id = id(number), .pod = "redis-" + std::to_string(number)};
  made.limit = limit;
  made.memory.used = used;
  made.memory.rss = used + used / 12;
  return made;
}

// `count` primaries of equal slots; slots of a primary hold `used` together. The last one may be empty.
World cluster(int count, Bytes used, Bytes limit) {
  World world;
  const int each = kSlotCount / count;
  for (int i = 0; i < count; ++i) {
    auto primary = node(i, used, limit);
    primary.slots.add({static_cast<Slot>(i * each), static_cast<Slot>((i + 1) * each - 1)});
    for (int slot = i * each; slot < (i + 1) * each; ++slot)
      world.sizes.bytes[static_cast<std::size_t>(slot)] = used / each;
    world.nodes.push_back(primary);
  }
  return world;
}

void add_replica(World& world, int number, int of) {
  auto replica = node(number, world.nodes[static_cast<std::size_t>(of)].memory.used,
                      world.nodes[static_cast<std::size_t>(of)].limit);
  replica.role = Role::kReplica;
  replica.primary = id(of);
  world.nodes.push_back(replica);
}

const PodSteady& pod(const Steady& steady, int number) {
  return steady.pods.at(static_cast<std::size_t>(number));
}

// The same cluster with what is said to be enough.
World patched(World world, const Steady& steady) {
  for (auto& each : world.nodes) {
    each.limit = steady.limit;
    each.memory.maxmemory = steady.maxmemory;
  }
  return world;
}

TEST(Steady, ARoomyClusterCanDoAllThree) {
  const auto steady = judge_steady(cluster(3, 30 * kMiB, 200 * kMiB), {});
  EXPECT_TRUE(steady.all());
  EXPECT_THAT(pod(steady, 0).persist.sentence, HasSubstr("nothing forks"));
}

TEST(Steady, AnEmptyPodWithASmallLimitCannotReceiveItsShare) {
  auto world = cluster(3, 60 * kMiB, 400 * kMiB);
  world.nodes.push_back(node(3, 2 * kMiB, 40 * kMiB));
  const auto steady = judge_steady(world, {});
  EXPECT_FALSE(pod(steady, 3).rebalance.can);
  EXPECT_THAT(pod(steady, 3).rebalance.sentence, HasSubstr("receives 45.0Mi for its share"));
  EXPECT_TRUE(pod(steady, 0).rebalance.can);
  EXPECT_THAT(pod(steady, 0).rebalance.sentence, HasSubstr("gives 15.0Mi"));
}

TEST(Steady, TheReplicaOfAPodThatReceivesMustHaveTheRoomToo) {
  auto world = cluster(2, 60 * kMiB, 400 * kMiB);
  world.nodes.push_back(node(2, 2 * kMiB, 400 * kMiB));
  add_replica(world, 3, 2);
  world.nodes[3].limit = 30 * kMiB;
  EXPECT_FALSE(pod(judge_steady(world, {}), 3).rebalance.can);
}

TEST(Steady, APrimaryWithoutReplicaIsTakenOverByAllOthers) {
  const auto steady = judge_steady(cluster(3, 60 * kMiB, 100 * kMiB), {});
  EXPECT_TRUE(pod(steady, 0).rebalance.can);
  EXPECT_FALSE(pod(steady, 0).take_over.can);
  EXPECT_THAT(pod(steady, 0).take_over.sentence, HasSubstr("which has no replica"));
}

TEST(Steady, APrimaryWithAReplicaIsFollowedByItAlone) {
  auto world = cluster(3, 60 * kMiB, 100 * kMiB);
  for (int i = 0; i < 3; ++i) add_replica(world, 3 + i, i);
  const auto steady = judge_steady(world, {});
  EXPECT_TRUE(pod(steady, 0).take_over.can);
  EXPECT_TRUE(pod(steady, 3).take_over.can);
  EXPECT_THAT(pod(steady, 3).take_over.sentence, HasSubstr("follows redis-0"));
}

TEST(Steady, AReplicaWithASmallMaxmemoryCannotTakeOver) {
  auto world = cluster(3, 60 * kMiB, 100 * kMiB);
  for (int i = 0; i < 3; ++i) add_replica(world, 3 + i, i);
  world.nodes[4].memory.maxmemory = 61 * kMiB;  // ignored while it is a replica
  const auto steady = judge_steady(world, {});
  EXPECT_FALSE(pod(steady, 4).take_over.can);
  EXPECT_THAT(pod(steady, 4).take_over.sentence, HasSubstr("maxmemory"));
  EXPECT_TRUE(pod(steady, 5).take_over.can);
}

TEST(Steady, APodThatSavesNeedsRoomForTheFork) {
  auto world = cluster(2, 60 * kMiB, 72 * kMiB);
  EXPECT_TRUE(pod(judge_steady(world, {}), 0).persist.can);
  world.nodes[0].save_points = true;
  const auto steady = judge_steady(world, {});
  EXPECT_FALSE(pod(steady, 0).persist.can);
  EXPECT_THAT(pod(steady, 0).persist.sentence, HasSubstr("for a fork"));
  EXPECT_TRUE(pod(steady, 1).persist.can);
}

TEST(Steady, APodWithoutALimitCanNothingAndLearnsWhichIsEnough) {
  const auto world = cluster(2, 60 * kMiB, 0);
  const auto steady = judge_steady(world, {});
  EXPECT_FALSE(steady.all());
  EXPECT_GT(steady.limit, 60 * kMiB);
  EXPECT_TRUE(judge_steady(patched(world, steady), {}).all());
}

TEST(Steady, TheLimitHoldsAFullMaxmemoryAndIsWholeMiB) {
  const auto steady = judge_steady(cluster(3, 60 * kMiB, 100 * kMiB), {});
  EXPECT_GT(steady.limit, steady.maxmemory);
  EXPECT_EQ(steady.limit % kMiB, 0);
  EXPECT_EQ(steady.request, steady.limit);
}

TEST(Steady, WhatIsSaidToBeEnoughIsEnoughWhateverTheCluster) {
  EXPECT_TRUE(rc::check([] {
    const int count = *rc::gen::inRange(1, 6);
    auto world =
        cluster(count, *rc::gen::inRange<Bytes>(1, 300) * kMiB, *rc::gen::inRange<Bytes>(0, 400) * kMiB);
    const int replicas = *rc::gen::inRange(0, count + 1);
    for (int i = 0; i < replicas; ++i) add_replica(world, count + i, i);
    for (auto& each : world.nodes) {
      each.save_points = *rc::gen::arbitrary<bool>();
      each.memory.rss = each.memory.used * *rc::gen::inRange(100, 200) / 100;
    }
    RebalanceSpec spec;
    spec.headroom.min_free_percent = *rc::gen::inRange(0, 60);
    spec.goal.balance.weights = {{"redis-0", *rc::gen::inRange(1, 500)}};
    const auto steady = judge_steady(world, spec);
    RC_ASSERT(judge_steady(patched(world, steady), spec).all());
  }));
}

}  // namespace
}  // namespace rebalance
