// What breaks while slots are open, and that the next run finishes it without a loss.
#include <gtest/gtest.h>

#include "migrate/repair.h"
#include "rig/digest.h"
#include "rig/fill.h"
#include "servers/migrate_rig.h"

namespace rebalance {
namespace {

// A stream's DUMP tells when its consumers were last seen, and replaying the AOF is seen as a visit.
const rig::FillOptions kStrings{.keys = 5000, .mixed_types = false};

class MigrateFaults : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  // Durable to the last write, so that a killed server comes back with all that it had acknowledged.
  static rig::ClusterOptions durable(int node_timeout = 5000) {
    rig::ClusterOptions options{.primaries = 3};
    options.server.aof = true;
    options.server.config = {"appendfsync always"};
    options.server.node_timeout_ms = node_timeout;
    return options;
  }
  BatchResult run(const BatchJob& batch, std::stop_token stop = {}) {
    return run_batch(batch, hooks.hooks(), stop);
  }
  BatchJob resumed(const rig::TestCluster& cluster, const SlotSet& slots) {
    auto batch = job(cluster, 0, 1, slots);
    batch.earlier = hooks.intents.intents();
    return batch;
  }
  RepairResult repair(const rig::TestCluster& cluster) {
    RepairJob repair;
    for (int node = 0; node < cluster.size(); ++node) repair.nodes.push_back(member(cluster, node));
    repair.intents = hooks.intents.intents();
    return run_repair(repair, hooks.hooks(), {});
  }
  // Acts once, when the first keys have moved.
  void when_keys_move(std::function<void()> act) {
    hooks.progress.act = [act = std::move(act), done = false](const PairProgress& progress) mutable {
      if (progress.keys_done > 0 && !std::exchange(done, true)) act();
    };
  }
  static void expect_sound(const rig::TestCluster& cluster, const rig::ClusterDigest& before) {
    cluster.wait_until_agreed();
    const auto difference = rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(60'000));
    EXPECT_TRUE(difference.none()) << difference.examples;
    EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  }

  TestHooks hooks;
  SlotSet moving = range(0, 199);
};

INSTANTIATE_TEST_SUITE_P(Versions, MigrateFaults, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(MigrateFaults, AStopEndsAtASlotBoundaryAndTheNextRunGoesOn) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 20'000});
  const auto before = rig::digest(cluster.seed());
  std::stop_source stop;
  when_keys_move([&] { stop.request_stop(); });
  const auto stopped = run(job(cluster, 0, 1, moving), stop.get_token());
  ASSERT_TRUE(stopped.error);
  EXPECT_EQ(stopped.error->code, ErrorCode::kStopped);
  EXPECT_FALSE(stopped.done.empty());
  EXPECT_LT(stopped.done.size(), moving.size());
  EXPECT_TRUE(stopped.left_open.empty());
  auto rest = moving;
  rest.remove(stopped.done);
  const auto result = run(job(cluster, 0, 1, rest));
  EXPECT_FALSE(result.error);
  EXPECT_EQ(result.done, rest);
  expect_sound(cluster, before);
}

TEST_P(MigrateFaults, WhatAClosedGateLeavesOpenIsFinishedByTheNextRun) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 20'000});
  const auto before = rig::digest(cluster.seed());
  when_keys_move(
      [&] { hooks.gate.ask = [] { return Status(error(ErrorCode::kConflict, "the claim is lost")); }; });
  const auto ended = run(job(cluster, 0, 1, moving));
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(ended.error->message, "the claim is lost");
  ASSERT_FALSE(ended.left_open.empty());
  ASSERT_EQ(hooks.intents.intents().size(), 1u);
  hooks.gate.ask = [] { return Status{}; };
  const auto result = run(resumed(cluster, moving));
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_EQ(result.done, moving);
  EXPECT_TRUE(hooks.intents.intents().empty());
  expect_sound(cluster, before);
}

TEST_P(MigrateFaults, AKilledTargetStopsTheBatchAndRepairFinishes) {
  rig::TestCluster cluster(GetParam(), durable());
  rig::fill(cluster.seed(), kStrings);
  const auto before = rig::digest(cluster.seed());
  when_keys_move([&] { cluster.node(1).kill_hard(); });
  auto batch = job(cluster, 0, 1, moving);
  batch.options.attempts = 3;
  const auto ended = run(batch);
  ASSERT_TRUE(ended.error);
  ASSERT_FALSE(ended.left_open.empty());
  cluster.node(1).restart();
  cluster.wait_until_agreed();
  const auto result = repair(cluster);
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_TRUE(result.reports.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  expect_sound(cluster, before);
}

TEST_P(MigrateFaults, AKilledSourceStopsTheBatchAndRepairFinishes) {
  rig::TestCluster cluster(GetParam(), durable());
  rig::fill(cluster.seed(), kStrings);
  const auto before = rig::digest(cluster.seed());
  when_keys_move([&] { cluster.node(0).kill_hard(); });
  auto batch = job(cluster, 0, 1, moving);
  batch.options.attempts = 3;
  const auto ended = run(batch);
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(ended.error->code, ErrorCode::kUnavailable) << ended.error->message;
  cluster.node(0).restart();
  cluster.wait_until_agreed();
  const auto result = repair(cluster);
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_TRUE(hooks.intents.intents().empty());
  expect_sound(cluster, before);
}

TEST_P(MigrateFaults, AFullTargetStopsWithItsWordsAndGoesOnWhenThereIsRoom) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 20'000});
  const auto before = rig::digest(cluster.seed());
  when_keys_move([&] { cluster.command(1, {"CONFIG", "SET", "maxmemory", "1mb"}); });
  const auto ended = run(job(cluster, 0, 1, moving));
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(ended.error->code, ErrorCode::kRefused);
  EXPECT_NE(ended.error->message.find("OOM"), std::string::npos) << ended.error->message;
  cluster.command(1, {"CONFIG", "SET", "maxmemory", "0"});
  const auto result = run(resumed(cluster, moving));
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_EQ(result.done, moving);
  expect_sound(cluster, before);
}

TEST_P(MigrateFaults, AHashOfAHundredMegabytesMoves) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .server = {.node_timeout_ms = 15'000}});
  rig::write_big_hash(cluster.seed(), key_in(7, 0), 100'000'000);
  const auto before = rig::digest(cluster.seed());
  const auto result = run(job(cluster, 0, 1, range(0, 15)));
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_TRUE(result.skipped.empty()) << result.skipped.front().reason;
  EXPECT_EQ(cluster.owner_of(7), 1);
  expect_sound(cluster, before);
}

TEST_P(MigrateFaults, AKeyThatWouldStallTooLongStaysAndItsSlotIsNeverOpened) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::write_big_hash(cluster.seed(), key_in(7, 0), 30'000'000);
  auto batch = job(cluster, 0, 1, range(0, 15));
  batch.options.node_timeout = Millis(1000);
  const auto result = run(batch);
  EXPECT_FALSE(result.error) << result.error->message;
  ASSERT_EQ(result.skipped.size(), 1u);
  EXPECT_EQ(result.skipped.front().slot, 7);
  EXPECT_EQ(cluster.owner_of(7), 0);
  EXPECT_EQ(result.done.size(), 15);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(MigrateFaults, AKeyWithoutRoomInMemoryStaysEvenInASlotTooLongToBeListed) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  auto source = cluster.node(0).connect();
  const auto tag = key_in(7, 0);
  for (int key = 0; key < 6000; ++key) source.must({"SET", tag + std::to_string(key), "value"});
  rig::write_big_hash(cluster.seed(), tag + "big", 3'000'000);
  rig::write_big_hash(cluster.seed(), key_in(9, 0), 3'000'000);
  auto batch = job(cluster, 0, 1, range(0, 15));
  batch.options.key_room = 2'000'000;
  const auto result = run(batch);
  EXPECT_FALSE(result.error) << result.error->message;
  ASSERT_EQ(result.skipped.size(), 2u);
  EXPECT_NE(result.skipped.front().reason.find("has no room"), std::string::npos)
      << result.skipped.front().reason;
  EXPECT_EQ(cluster.owner_of(7), 0);
  EXPECT_EQ(cluster.owner_of(9), 0);
  EXPECT_EQ(result.done.size(), 14);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(MigrateFaults, BytesPerSecondAreBounded) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  for (int key = 0; key < 20; ++key) cluster.command(0, {"SET", key_in(3, key), std::string(100'000, 'x')});
  auto batch = job(cluster, 0, 1, range(0, 5));
  batch.options.max_bytes_per_second = 2'000'000;
  const auto result = run(batch);
  EXPECT_FALSE(result.error);
  EXPECT_GE(seconds_between(*result.first_write, *result.last_agreement), 0.8);
}

}  // namespace
}  // namespace rebalance
