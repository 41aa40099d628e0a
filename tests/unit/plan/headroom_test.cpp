#include "plan/headroom.h"

#include <gmock/gmock.h>

#include "plan/projection.h"
#include "worlds.h"

namespace rebalance::testing {
namespace {

const RebalanceSpec kDefaults;

using ::testing::HasSubstr;

// Limit 100 MiB: ceiling 80, high watermark 85, flood 95. Uses 40, 50 resident, no fork to be expected.
WorldNode node_of_100() {
  auto node = primary(0, {0, 0, 100 * kMiB});
  node.memory.used = 40 * kMiB;
  node.memory.rss = 50 * kMiB;
  node.save_points = false;
  return node;
}

NodeFactors plain() { return {1.0, 0.5, 1.0}; }

TEST(Walls, ArePartsOfTheLimit) {
  const auto walls = walls_of(node_of_100(), {});
  EXPECT_EQ(walls.ceiling, 80 * kMiB);
  EXPECT_EQ(walls.high, 85 * kMiB);
  EXPECT_EQ(walls.flood, 95 * kMiB);
}

TEST(Walls, ComeFromTheAssumedLimitWhereThePodHasNone) {
  auto node = node_of_100();
  node.limit = 0;
  HeadroomSpec spec;
  spec.assumed_limit = 10 * kMiB;
  EXPECT_EQ(walls_of(node, spec).ceiling, 8 * kMiB);
}

TEST(After, HalfOfTheGapBetweenUsedAndResidentIsUsedAgain) {
  EXPECT_EQ(after(node_of_100(), {.incoming = 5 * kMiB}, plain(), 0), 50 * kMiB);
  EXPECT_EQ(after(node_of_100(), {.incoming = 9 * kMiB}, plain(), 0), 54 * kMiB);
}

TEST(After, WhatIsReservedStandsInBothArms) {
  EXPECT_EQ(after(node_of_100(), {.reserved = 20 * kMiB, .incoming = 10 * kMiB}, plain(), 0), 75 * kMiB);
  EXPECT_EQ(after(node_of_100(), {.reserved = 20 * kMiB, .incoming = 20 * kMiB}, {1.5, 0.5, 1.0}, 0),
            120 * kMiB);
}

TEST(After, TransientAndForkComeOnTop) {
  EXPECT_EQ(after(node_of_100(), {.transient = 3 * kMiB}, plain(), 4 * kMiB), 57 * kMiB);
}

TEST(After, WhatGrewMoreThanPredictedIsCountedSo) {
  EXPECT_EQ(after(node_of_100(), {.incoming = 15 * kMiB}, {1.0, 0.0, 2.0}, 0), 80 * kMiB);
}

TEST(After, TakesTheCgroupsWorkingSetWhereItIsHigher) {
  auto node = node_of_100();
  node.memory.working_set = 60 * kMiB;
  EXPECT_EQ(after(node, {}, plain(), 0), 60 * kMiB);
}

TEST(ForkReserve, IsZeroWhereNothingForks) { EXPECT_EQ(fork_reserve(node_of_100(), false), 0); }

TEST(ForkReserve, IsATenthOfWhatIsUsedForASaveARewriteOrAFullSync) {
  auto saves = node_of_100(), rewrites = node_of_100();
  saves.save_points = true;
  rewrites.aof_enabled = true;
  EXPECT_EQ(fork_reserve(saves, false), 4 * kMiB);
  EXPECT_EQ(fork_reserve(rewrites, false, 10 * kMiB), 5 * kMiB);
  EXPECT_EQ(fork_reserve(node_of_100(), true), 4 * kMiB);
}

TEST(ForkReserve, IsWhatTheLastForkCopiedWhereThatWasMore) {
  auto node = node_of_100();
  node.save_points = true;
  node.memory.last_cow = 17 * kMiB;
  EXPECT_EQ(fork_reserve(node, false), 17 * kMiB);
}

TEST(MayReceive, UpToTheCeilingAndNotAByteMore) {
  EXPECT_FALSE(may_receive(node_of_100(), {.incoming = 35 * kMiB}, {}, plain()));
  const auto refusal = may_receive(node_of_100(), {.incoming = 35 * kMiB + 1}, {}, plain());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->rule, "Ceiling");
  EXPECT_EQ(refusal->pod, "redis-0");
  EXPECT_EQ(refusal->short_bytes, 1);
}

TEST(MayReceive, SaysTheFiguresOfTheCeiling) {
  const auto refusal = may_receive(node_of_100(), {.incoming = 45 * kMiB}, {}, plain());
  EXPECT_EQ(refusal->sentence,
            "redis-0 (limit 100.0Mi) would reach 90.0Mi while it receives 45.0Mi, 10.0Mi over its ceiling of "
            "80.0Mi (20 % stay free).");
}

TEST(MayReceive, NothingAboveTheHighWatermark) {
  auto node = node_of_100();
  node.memory.rss = 86 * kMiB;
  EXPECT_EQ(may_receive(node, {.incoming = 1}, {}, plain())->rule, "HighWatermark");
}

TEST(MayReceive, NothingWithoutALimit) {
  auto node = node_of_100();
  node.limit = 0;
  const auto refusal = may_receive(node, {}, {}, plain());
  EXPECT_EQ(refusal->rule, "NoLimit");
  EXPECT_THAT(refusal->sentence, HasSubstr("headroom.assumedLimit"));
}

TEST(MayReceive, LeavesTheMarginOfMaxmemory) {
  auto node = node_of_100();
  node.memory.maxmemory = 50 * kMiB;
  EXPECT_FALSE(may_receive(node, {.incoming = 5 * kMiB}, {}, plain()));
  EXPECT_EQ(may_receive(node, {.incoming = 5 * kMiB + 1}, {}, plain())->rule, "Maxmemory");
  node.memory.not_counted_for_evict = kMiB;
  EXPECT_FALSE(may_receive(node, {.incoming = 6 * kMiB}, {}, plain()));
}

TEST(MayReceive, AReplicaIgnoresMaxmemory) {
  auto node = node_of_100();
  node.memory.maxmemory = 50 * kMiB;
  node.role = Role::kReplica;
  EXPECT_FALSE(may_receive(node, {.incoming = 20 * kMiB}, {}, plain()));
}

TEST(MayReceive, AServerThatWouldEvictIsRefusedUnlessItIsACache) {
  auto node = node_of_100();
  node.memory.maxmemory = 50 * kMiB;
  node.maxmemory_policy = "allkeys-lru";
  RebalanceSpec spec;
  EXPECT_EQ(may_receive(node, {.incoming = 20 * kMiB}, spec, plain())->rule, "Eviction");
  spec.safety.accept_eviction = true;
  EXPECT_FALSE(may_receive(node, {.incoming = 20 * kMiB}, spec, plain()));
}

TEST(MayGive, AboveTheCeilingAndUpToTheFloodMark) {
  auto node = node_of_100();
  node.memory.rss = 93 * kMiB;
  EXPECT_FALSE(may_give(node, 2 * kMiB, {}));
  const auto refusal = may_give(node, 2 * kMiB + 1, {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->rule, "Flood");
  EXPECT_EQ(refusal->short_bytes, 1);
}

// --- the whole question

Batch batch_of(const World& world, int source, int target, const char* slots, Bytes bytes) {
  return {0, world.nodes[source].id, world.nodes[target].id, SlotSet::parse(slots).value(), bytes, 0};
}

World pair_with_replica() {
  auto world = world_of({{40 * kMB, 8000}, {10 * kMB, 8384}});
  world.nodes.push_back(replica_of(world.nodes[1], 1));
  return world;
}

TEST(Judge, AsksTheReplicasOfTheTargetToo) {
  auto world = pair_with_replica();
  const auto batch = batch_of(world, 0, 1, "0-3999", 20 * kMB);
  EXPECT_FALSE(judge(world, batch, {}, {}, {}));
  world.nodes[2].limit = 40 * kMB;
  const auto refusal = judge(world, batch, {}, {}, {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->pod, "replica-1");
  EXPECT_THAT(refusal->sentence, HasSubstr("as a replica"));
}

TEST(Judge, CountsWhatIsOnItsWayInOtherBatches) {
  const auto world = pair_with_replica();
  const auto batch = batch_of(world, 0, 1, "0-3999", 20 * kMB);
  const auto other = batch_of(world, 0, 1, "4000-7999", 40 * kMB);
  EXPECT_FALSE(judge(world, batch, {{other}}, {}, {}));
  EXPECT_TRUE(judge(world, batch, {{other}, {other}}, {}, {}));
}

TEST(Judge, CountsTheBuffersOfTheBiggestKeyThatMayTravelInAnotherBatch) {
  const auto world = pair_with_replica();
  const auto batch = batch_of(world, 0, 1, "0-3999", 10 * kMB);
  const auto other = batch_of(world, 0, 1, "4000-7999", 10 * kMB);
  EXPECT_FALSE(judge(world, batch, {{other, kMigratePayload}}, {}, {}));
  EXPECT_TRUE(judge(world, batch, {{other, 30 * kMB}}, {}, {}));
}

TEST(Judge, ASourceHoldsTheBuffersOfAllWhoTakeFromIt) {
  auto world = world_of({{40 * kMB, 16384}, {1 * kMB, 0}, {1 * kMB, 0}});
  const Bytes left = walls_of(world.nodes[0], {}).flood - world.nodes[0].memory.rss;
  const auto one = batch_of(world, 0, 1, "0-99", kMB), two = batch_of(world, 0, 2, "100-199", kMB);
  EXPECT_FALSE(judge(world, two, {{one, left / 4}}, {}, {}));
  const auto refusal = judge(world, two, {{one, left / 2}}, {}, {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->rule, "Flood");
  EXPECT_EQ(refusal->pod, world.nodes[0].pod);
}

TEST(Judge, AddsTwoStandardErrorsWhereSizesWereSampled) {
  auto world = pair_with_replica();
  const auto batch = batch_of(world, 0, 1, "0-3999", 60 * kMB);
  EXPECT_FALSE(judge(world, batch, {}, {}, {}));
  world.sizes.error_percent = 10;
  EXPECT_TRUE(judge(world, batch, {}, {}, {}));
  world.sizes.exact = true;
  EXPECT_FALSE(judge(world, batch, {}, {}, {}));
}

// One string of 20 MB in the slot, or as many bytes in small keys.
TEST(Judge, AnAtomicMoveNeedsRoomForItsBiggestStringTwice) {
  auto world = world_of({{40 * kMB, 8192, 400 * kMB}, {20 * kMB, 8192, 75 * kMB}});
  for (auto& node : world.nodes) node.version = {ServerKind::kRedis, 8, 6, 3};
  const auto batch = batch_of(world, 0, 1, "7", 20 * kMB);
  ASSERT_EQ(Projection(world, kDefaults, {}).transfer_of(batch)->engine, Engine::kAtomicRedis);
  world.sizes.bytes[7] = 20 * kMB;
  world.sizes.keys[7] = 20'000;
  EXPECT_FALSE(judge(world, batch, {}, {}, {}));
  world.sizes.keys[7] = 1;
  EXPECT_EQ(judge(world, batch, {}, {}, {})->rule, "Ceiling");
}

TEST(RoomForKey, IsWhatTheBuffersOfBothSidesLeaveRoomFor) {
  const auto world = pair_with_replica();
  const auto batch = batch_of(world, 0, 1, "0-3999", 20 * kMB);
  const Bytes room = room_for_key(world, batch, {}, {}, {});
  EXPECT_GE(room, kMigratePayload);
  // Three times the key on a target that feeds a replica: what the walls leave, less the batch itself.
  Projection projection(world, kDefaults, {});
  auto transfer = *projection.transfer_of(batch);
  transfer.payload = room;
  EXPECT_FALSE(projection.check(transfer));
  transfer.payload = room + kMiB;
  EXPECT_TRUE(projection.check(transfer));
}

TEST(RoomForKey, ShrinksWithWhatIsOnItsWayAndWithTheLimitOfAReplica) {
  auto world = pair_with_replica();
  const auto batch = batch_of(world, 0, 1, "0-3999", 20 * kMB);
  const Bytes room = room_for_key(world, batch, {}, {}, {});
  EXPECT_LT(room_for_key(world, batch, {{batch_of(world, 0, 1, "4000-7999", 10 * kMB)}}, {}, {}), room);
  world.nodes[2].limit = 60 * kMB;
  EXPECT_LT(room_for_key(world, batch, {}, {}, {}), room);
}

TEST(RoomForKey, IsSmallWhereTheSourcesAllocatorHoldsWhatItsBuffersOutgrew) {
  auto world = world_of({{40 * kMB, 16384, 120 * kMB}, {10 * kMB, 0, 8 * kGiB}});
  const auto batch = batch_of(world, 0, 1, "0-99", kMB);
  const Bytes room = room_for_key(world, batch, {}, {}, {});
  world.nodes[0].memory.holds_outgrown = true;
  EXPECT_NEAR(static_cast<double>(room_for_key(world, batch, {}, {}, {})), static_cast<double>(room) * 2 / 8,
              kMigratePayload);
}

TEST(RoomForKey, HasNoBoundBelowWhatAServerTakesWhereMemoryIsPlenty) {
  const auto world = world_of({{40 * kMB, 8192, 1000 * kMB * 10}, {10 * kMB, 8192, 1000 * kMB * 10}});
  EXPECT_GT(room_for_key(world, batch_of(world, 0, 1, "0-99", kMB), {}, {}, {}), kLargestPayload - kMiB);
}

TEST(Judge, AReceiverThatACrashWouldEmptyIsRefusedUnlessAccepted) {
  auto world = world_of({{40 * kMB, 8000}, {10 * kMB, 8384}});
  world.nodes[1].save_points = false;
  const auto batch = batch_of(world, 0, 1, "0-99", kMB);
  EXPECT_EQ(judge(world, batch, {}, {}, {})->rule, "NoReplicaNoPersistence");
  RebalanceSpec spec;
  spec.safety.require_persistence = false;
  EXPECT_FALSE(judge(world, batch, {}, spec, {}));
  world.nodes.push_back(replica_of(world.nodes[1], 1));
  EXPECT_FALSE(judge(world, batch, {}, {}, {}));
  world.nodes.back().in_sync = false;
  EXPECT_TRUE(judge(world, batch, {}, {}, {}));
}

TEST(Judge, AnEmptiedPrimaryThatJoinsTheTargetNeedsRoomForItsCopy) {
  auto world = world_of({{5 * kMB, 1}, {60 * kMB, 16383}});
  world.nodes[0].limit = 60 * kMB;
  const auto batch = batch_of(world, 0, 1, "0", 5 * kMB);
  EXPECT_FALSE(judge(world, batch, {}, {}, {}));
  world.nodes[0].allow_replica_migration = true;
  const auto refusal = judge(world, batch, {}, {}, {});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->pod, "redis-0");
}

TEST(Judge, ANodeThatIsGoneIsNamedNotGuessed) {
  const auto world = pair_with_replica();
  auto batch = batch_of(world, 0, 1, "0", 1);
  batch.target = "gone";
  EXPECT_EQ(judge(world, batch, {}, {}, {})->rule, "UnknownNode");
}

}  // namespace
}  // namespace rebalance::testing
