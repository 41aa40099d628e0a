#include "drive.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

struct Canary : Drive {
  Canary() { resource.spec.canary = {.slots = 50, .observe_seconds = 30}; }
  int moved() const { return scene.world.nodes[2].slots.size(); }
  // Until the first slots have moved and are watched.
  void until_watched() {
    for (int i = 0; i < 50 && status.reason != "WatchingCanary"; i++) once(), obey();
    ASSERT_EQ(status.reason, "WatchingCanary") << status.message;
  }
};

TEST(Canary, MovesTheFirstSlotsWatchesThemAndMovesTheRest) {
  Canary drive;
  drive.until(State::kCanary);
  EXPECT_FALSE(drive.status.execution_started.empty());
  drive.until_watched();
  EXPECT_EQ(drive.moved(), 50);
  const auto since = drive.scene.now;
  while (drive.status.state == State::kCanary && drive.scene.now - since < std::chrono::hours(1)) {
    EXPECT_EQ(count<StartBatch>(drive.last), 0);
    drive.once();
  }
  EXPECT_GE(drive.scene.now - since, std::chrono::seconds(29));
  EXPECT_LE(drive.scene.now - since, std::chrono::seconds(32));
  EXPECT_EQ(drive.status.state, State::kRebalancing);
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  EXPECT_GT(drive.moved(), 5000);
}

TEST(Canary, NeverHasMoreSlotsOnTheirWayThanItMay) {
  Canary drive;
  drive.resource.spec.batch.max_slots = 20;
  int started = 0;
  for (int i = 0; i < 50 && drive.status.reason != "WatchingCanary"; i++) {
    drive.once();
    for (const auto& action : drive.last.actions) {
      if (const auto* start = std::get_if<StartBatch>(&action)) started += start->batch.slots.size();
    }
    drive.obey();
  }
  EXPECT_EQ(started, 50);
  EXPECT_EQ(drive.moved(), 50);
}

TEST(Canary, IsLeftOutWhereItIsNotWantedOrThePlanIsNoLarger) {
  Canary none;
  none.resource.spec.canary.slots = 0;
  none.until(State::kRebalancing);
  Canary small;
  small.resource.spec.canary.slots = kSlotCount - 1;
  small.until(State::kRebalancing);
}

TEST(Canary, AProcessThatComesAfterwardsWatchesTheSameSlotsAgain) {
  Canary drive;
  drive.until_watched();
  drive.status.state = State::kPlanning;
  drive.notebook = {};
  drive.until_watched();
  EXPECT_EQ(drive.moved(), 50);
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(Canary, StopsWhereTheTargetGrewByMoreThanWasExpected) {
  Canary drive;
  drive.until(State::kCanary);
  drive.once();
  drive.complete(drive.first_batch());
  drive.scene.ended.back().grown = 10 * kMiB;
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "CanaryFailed");
  EXPECT_THAT(drive.status.message, HasSubstr("grew by 10.0Mi, where 500.0Ki was expected"));
  EXPECT_THAT(drive.status.message, HasSubstr("RollBack"));
  EXPECT_EQ(drive.moved(), 50);
}

TEST(Canary, WhatItMovedGoesBackWhereTheSpecSaysSo) {
  Canary drive;
  drive.resource.spec.on_failure = OnFailure::kRollBack;
  drive.until(State::kCanary);
  drive.once();
  drive.complete(drive.first_batch());
  drive.scene.ended.back().grown = 10 * kMiB;
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
  EXPECT_EQ(drive.moved(), 0);
}

struct CanaryOfReplicas : Canary {
  CanaryOfReplicas() {
    for (int i = 0; i < 3; i++) {
      auto replica = primary(i + 3, "");
      replica.role = Role::kReplica;
      replica.primary = id_of(i);
      scene.world.nodes.push_back(replica);
    }
  }
};

TEST(CanaryOfReplicas, StopsWhereTheyFallBehind) {
  CanaryOfReplicas drive;
  drive.until_watched();
  drive.scene.world.nodes[5].lag = 11 * kMiB;
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "CanaryFailed");
  EXPECT_THAT(drive.status.message, HasSubstr("redis-5 is 11.0Mi behind its primary, where it was 0"));
}

TEST(CanaryOfReplicas, StopsWhereFewerAreInSyncThanTheSpecAsksFor) {
  CanaryOfReplicas drive;
  drive.resource.spec.safety.replicas = Requirement::kRequire;
  drive.resource.spec.safety.min_replicas = 2;
  for (int i = 0; i < 3; i++) {
    auto second = drive.scene.world.nodes[static_cast<std::size_t>(i + 3)];
    second.id = id_of(i + 6);
    second.pod = "redis-" + std::to_string(i + 6);
    drive.scene.world.nodes.push_back(second);
  }
  drive.until_watched();
  std::erase_if(drive.scene.world.nodes, [](const WorldNode& node) { return node.pod == "redis-8"; });
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "CanaryFailed");
  EXPECT_THAT(drive.status.message, HasSubstr("1 of 1 replicas are in sync"));
}

TEST(Canary, StopsWhereAServerEvictsWhatItDidNotBefore) {
  Canary drive;
  drive.until_watched();
  drive.scene.world.nodes[2].memory.evicted_keys = 7;
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "CanaryFailed");
  EXPECT_THAT(drive.status.message, HasSubstr("redis-2 evicted keys: 7"));
}

TEST(Canary, StopsWhereTheClusterIsNotWellForLongerThanGossipTakes) {
  Canary drive;
  drive.until_watched();
  drive.scene.world.findings = {{Severity::kBlocker, "NodeFailing", "redis-1", "it fails", "look at it"}};
  for (int i = 0; i < 5; i++) drive.once();
  EXPECT_EQ(drive.status.state, State::kCanary);
  drive.scene.world.findings.clear();
  drive.once();
  EXPECT_EQ(drive.status.reason, "WatchingCanary");
  drive.scene.world.findings = {{Severity::kBlocker, "NodeFailing", "redis-1", "it fails", "look at it"}};
  for (int i = 0; i < 15; i++) drive.once();
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_EQ(drive.status.reason, "NodeFailing");
}

TEST(Canary, StopsWhereAServerRestarts) {
  Canary drive;
  drive.until_watched();
  drive.scene.world.nodes[2].run_id = "life-2";
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "PodRestarted");
}

struct ProbedCanary : Canary {
  ProbedCanary() { scene.probes = {{"redis-0", 4, 500, 0}}; }
};

TEST(ProbedCanary, StartsOnceThereIsSomethingToCompareWith) {
  ProbedCanary drive;
  drive.scene.probes[0].sent = 39;
  drive.until(State::kCanary);
  for (int i = 0; i < 10; i++) drive.once();
  EXPECT_EQ(drive.status.reason, "ProbingLatency");
  drive.scene.probes[0].sent = 40;
  EXPECT_EQ(count<StartBatch>(drive.once()), 1);
}

TEST(ProbedCanary, FailsWhereAnswersCameLaterThanBefore) {
  ProbedCanary drive;
  drive.scene.probes[0].p99_millis = 20;
  drive.until_watched();
  drive.scene.probes[0].p99_millis = 29.9;
  drive.once();
  EXPECT_EQ(drive.status.reason, "WatchingCanary");
  drive.scene.probes[0].p99_millis = 30.1;
  drive.once();
  EXPECT_EQ(drive.status.reason, "CanaryFailed");
  EXPECT_THAT(drive.status.message, HasSubstr("redis-0 answers probes in 30.1 ms (p99), where it was 20.0"));
}

TEST(ProbedCanary, TakesSmallDifferencesForNoise) {
  ProbedCanary drive;
  drive.scene.probes[0].p99_millis = 0.3;
  drive.until_watched();
  drive.scene.probes[0].p99_millis = 24.9;
  drive.once();
  EXPECT_EQ(drive.status.reason, "WatchingCanary");
}

TEST(ProbedCanary, FailsWhereMoreProbesFailThanMay) {
  ProbedCanary drive;
  drive.resource.spec.canary.max_error_percent = 10;
  drive.until_watched();
  drive.scene.probes[0].sent = 600;
  drive.scene.probes[0].failed = 10;
  drive.once();
  EXPECT_EQ(drive.status.reason, "WatchingCanary");
  drive.scene.probes[0].failed = 11;
  drive.once();
  EXPECT_EQ(drive.status.reason, "CanaryFailed");
  EXPECT_THAT(drive.status.message, HasSubstr("did not answer 11 of 100 probes"));
}

}  // namespace
}  // namespace rebalance
