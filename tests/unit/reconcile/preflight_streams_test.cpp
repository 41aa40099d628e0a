// What a plan means for replicas: preflight_streams and preflight_shards.
#include "reconcile/preflight_streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconcile/preflight_shards.h"

namespace rebalance {
namespace {

using testing::IsEmpty;

WorldNode replica_of(const char* primary, const std::string& name) {
  WorldNode node{.id = name, .pod = "redis-" + name};
  node.role = Role::kReplica;
  node.primary = primary;
  return node;
}

// a gives to b and c; each has a replica.
World world() {
  World world;
  for (const char* name : {"a", "b", "c"}) {
    WorldNode node{.id = name, .pod = std::string("redis-") + name};
    node.slots = SlotSet::parse("0-9").value();
    node.replication.backlog = kGiB;
    node.version = {ServerKind::kRedis, 7, 0, 15};
    world.nodes.push_back(node);
  }
  for (const char* name : {"a", "b", "c"}) world.nodes.push_back(replica_of(name, std::string(name) + "r"));
  std::ranges::sort(world.nodes, {}, &WorldNode::id);
  return world;
}

WorldNode& at(World& world, const char* id) {
  return *std::ranges::find(world.nodes, std::string(id), &WorldNode::id);
}

Plan plan(Bytes to_b, Bytes to_c) {
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b", .bytes = to_b},
                  Batch{.source = "a", .target = "b", .bytes = kMiB},
                  Batch{.source = "a", .target = "c", .bytes = to_c}};
  return plan;
}

TEST(Streams, AreSaidNothingOfWhereTheyHoldTheLargestBatch) {
  EXPECT_THAT(stream_findings(plan(200 * kMiB, 200 * kMiB), world(), {}), IsEmpty());
}

TEST(Streams, ABufferThatTheLargestBatchFillsIsOneWarningForAllTargets) {
  auto seen = world();
  for (const char* id : {"b", "c"}) {
    at(seen, id).replication.backlog = kMiB;
    at(seen, id).replication.hard_buffer = 32 * kMiB;
  }
  at(seen, "c").replication.hard_buffer = 16 * kMiB;
  at(seen, "a").replication.hard_buffer = 1;  // of a source
  const auto findings = stream_findings(plan(40 * kMiB, 20 * kMiB), seen, {});
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].name, "ReplicaBufferSmall");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-b, redis-c");
  EXPECT_EQ(findings[0].evidence,
            "client-output-buffer-limit allows 16.0Mi for a replica, the largest batch has 40.0Mi: a replica "
            "that reads slower is cut off, and needs a full copy");
  EXPECT_EQ(findings[1].name, "BacklogSmall");
}

TEST(Streams, ABufferBelowTheBacklogOrWithoutALimitIsNone) {
  auto seen = world();
  at(seen, "b").replication.hard_buffer = kMiB;  // the backlog has 1 GiB
  at(seen, "c").replication.hard_buffer = 0;
  EXPECT_THAT(stream_findings(plan(40 * kMiB, 40 * kMiB), seen, {}), IsEmpty());
  at(seen, "b").version = {ServerKind::kRedis, 6, 2, 14};
  EXPECT_EQ(stream_findings(plan(40 * kMiB, 40 * kMiB), seen, {}).size(), 1U)
      << "it takes the limit as it is";
}

TEST(Streams, TheSoftLimitCountsWhereABatchLastsLonger) {
  auto seen = world();
  at(seen, "b").replication = {.backlog = 8 * kMiB, .soft_buffer = 16 * kMiB, .soft_seconds = 10};
  BatchSpec spec;
  const auto names = [&] {
    std::string all;
    for (const auto& finding : stream_findings(plan(40 * kMiB, 1), seen, spec)) all += finding.name + " ";
    return all;
  };
  EXPECT_EQ(names(), "BacklogSmall ");
  spec.max_bytes_per_second = 5 * kMiB;
  EXPECT_EQ(names(), "BacklogSmall ") << "8 s";
  spec.max_bytes_per_second = 4 * kMiB;
  EXPECT_EQ(names(), "ReplicaBufferSmall BacklogSmall ") << "10 s";
}

TEST(Streams, ABacklogHoldsTheBatchAndWhatClientsWrite) {
  auto seen = world();
  at(seen, "b").replication.backlog = 41 * kMiB;
  at(seen, "c").replication.backlog = kMiB;
  EXPECT_THAT(stream_findings(plan(40 * kMiB, kMiB), seen, {}), IsEmpty());
  at(seen, "b").replication.bytes_per_second = 100 * kKiB;
  const auto findings = stream_findings(plan(40 * kMiB, kMiB), seen, {});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "BacklogSmall");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-b");
  EXPECT_EQ(findings[0].evidence,
            "repl-backlog-size is 41.0Mi; the largest batch, with what clients write in 60 s, has 45.9Mi: a "
            "replica that loses its link meanwhile needs a full copy, for which its primary forks");
  EXPECT_EQ(findings[0].remedy, "CONFIG SET repl-backlog-size 46mb there, or lower batch.maxBytes");
}

TEST(Streams, ATargetWithoutReplicasNeedsNothing) {
  auto seen = world();
  std::erase_if(seen.nodes, [](const WorldNode& node) { return node.role == Role::kReplica; });
  for (auto& node : seen.nodes) node.replication = {.backlog = 1, .hard_buffer = 1};
  EXPECT_THAT(stream_findings(plan(kGiB, kGiB), seen, {}), IsEmpty());
}

TEST(Shards, AreSaidNothingOfWhereEachHasAReplicaInSync) {
  EXPECT_THAT(shard_findings(plan(1, 1), world()), IsEmpty());
}

TEST(Shards, FullCoverageMattersWhereNobodyCouldTakeOver) {
  auto seen = world();
  at(seen, "br").in_sync = false;
  std::erase_if(seen.nodes, [](const WorldNode& node) { return node.id == "ar"; });
  const auto findings = shard_findings(plan(1, 1), seen);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "FullCoverageRequired");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-a, redis-b");
  for (auto& node : seen.nodes) node.full_coverage = false;
  EXPECT_THAT(shard_findings(plan(1, 1), seen), IsEmpty());
}

// b owned nothing and has no replica; a has two.
World scaled_out() {
  auto seen = world();
  at(seen, "b").slots = {};
  std::erase_if(seen.nodes, [](const WorldNode& node) { return node.id == "br"; });
  seen.nodes.push_back(replica_of("a", "zr"));
  for (auto& node : seen.nodes) node.full_coverage = false;
  return seen;
}

TEST(Shards, AFreshTargetDrawsAReplicaThatIsToSpare) {
  const auto findings = shard_findings(plan(1, 1), scaled_out());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "ReplicaMigration");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-b");
  EXPECT_EQ(
      findings[0].evidence,
      "no replica, and now its first slots: a replica of redis-a, which has 2, will move to it by itself "
      "and load a full copy; no plan counts its memory");
}

TEST(Shards, NoReplicaMovesWhereTheBarrierOrTheSettingHoldsItOrNoneIsMissing) {
  auto seen = scaled_out();
  for (const char* id : {"ar", "zr"}) at(seen, id).migration_barrier = 2;
  EXPECT_THAT(shard_findings(plan(1, 1), seen), IsEmpty());
  seen = scaled_out();
  for (const char* id : {"ar", "zr"}) at(seen, id).allow_replica_migration = false;
  EXPECT_THAT(shard_findings(plan(1, 1), seen), IsEmpty());
  seen = scaled_out();
  at(seen, "zr").in_sync = false;
  EXPECT_THAT(shard_findings(plan(1, 1), seen), IsEmpty());
  seen = scaled_out();
  at(seen, "b").slots = SlotSet::parse("7").value();
  EXPECT_THAT(shard_findings(plan(1, 1), seen), IsEmpty()) << "nothing changes for it";
}

}  // namespace
}  // namespace rebalance
