// What people and controllers do to a RedisRebalance, or to all that it stands on, in the middle of its move.
#include <nlohmann/json.hpp>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class OperatorEdits : public OperatorTest {
 protected:
  OperatorEdits()
      : OperatorTest({.primaries = 3, .empty_primaries = 1, .server = {.password = "secret-of-the-cluster"}},
                     20'000) {}

  // An operator in the middle of a Balance that takes half a minute.
  std::unique_ptr<Started> start_moving() {
    apply("type: Balance", kVerySlowly);
    auto running = start();
    EXPECT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
    return running;
  }
  bool stands_still() {
    return rig::wait_until([&] { return !any_slot_open(cluster_); }, kSoon);
  }
  // What garbage collection does once the owner is gone.
  void collect() {
    const auto map = rig::core_path(space_, "configmaps", "rebalance-rebalance");
    const auto owner = api_.field(map, "/metadata/ownerReferences/0/uid");
    if (owner && owner != api_.field(path(), "/metadata/uid")) api_.send("DELETE", map);
  }

  rig::Writer writer_{cluster_.seed(), {.operations_per_second = 300}};
};

TEST_F(OperatorEdits, ASpecThatOurRulesRefuseStopsWhatMovesAndClosesIt) {
  const auto running = start_moving();
  api_.merge(path(), R"({"spec": {"coldKeys": {"action": "Delete"}}})");
  EXPECT_TRUE(reaches("Refused")) << told() << running->said();
  EXPECT_THAT(told(), HasSubstr("coldKeys"));
  EXPECT_TRUE(stands_still()) << told() << running->said();
  const auto moved = cluster_.slots_of(3);
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, 3000) << "it went on";

  api_.merge(path(), R"({"spec": {"coldKeys": {"action": "Report"}, "batch": {"maxBytesPerSecond": null}}})");
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

// What it moves towards is fixed once it moves; how fast it goes may change.
TEST_F(OperatorEdits, WhatTheSchemaRefusesChangesNothingAndWhatItAllowsIsGoneOnWith) {
  const auto running = start_moving();
  ASSERT_TRUE(rig::wait_until([&] { return api_.field(path(), "/status/executionStarted"); }, kSoon))
      << told();
  EXPECT_THROW(apply(drain_of("redis-3")), std::runtime_error);
  EXPECT_THROW(api_.merge(path(), R"({"spec": {"engine": "Fastest"}})"), std::runtime_error);
  EXPECT_EQ(api_.field(path(), "/metadata/generation"), "1");
  lift_the_bound();
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_EQ(api_.field(path(), "/status/observedGeneration"), "2");
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

// By the look at the cluster, not by a rule: nobody has a replica.
TEST_F(OperatorEdits, ASpecThatTheClusterDoesNotMeetStopsWhatMovesAndClosesIt) {
  const auto running = start_moving();
  api_.merge(path(), R"({"spec": {"safety": {"replicas": "Require"}}})");
  EXPECT_TRUE(reaches("Refused")) << told() << running->said();
  EXPECT_THAT(told(), HasSubstr("ReplicasNotInSync"));
  EXPECT_TRUE(stands_still()) << told() << running->said();
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

TEST_F(OperatorEdits, APauseHoldsAndRunGoesOnWithTheSamePlan) {
  const auto running = start_moving();
  const auto hash = api_.field(path(), "/status/plan/hash");
  api_.merge(path(), R"({"spec": {"execution": "Paused"}})");
  EXPECT_TRUE(reaches("Paused")) << told() << running->said();
  EXPECT_FALSE(any_slot_open(cluster_));
  const auto moved = cluster_.slots_of(3);
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, 3000) << "it went on";

  api_.merge(path(), R"({"spec": {"execution": "Run"}})");
  ASSERT_TRUE(reaches("Rebalancing")) << told() << running->said();
  EXPECT_EQ(api_.field(path(), "/status/plan/hash"), hash);
  lift_the_bound();
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

TEST_F(OperatorEdits, ACancelIsFinalWhateverTheSpecSaysAfterwards) {
  const auto running = start_moving();
  api_.merge(path(), R"({"spec": {"execution": "Cancelled"}})");
  EXPECT_TRUE(reaches("Cancelled")) << told() << running->said();
  EXPECT_FALSE(any_slot_open(cluster_));
  const auto moved = cluster_.slots_of(3);
  api_.merge(path(), R"({"spec": {"execution": "Run"}})");
  EXPECT_FALSE(rig::wait_until([&] { return state() != "Cancelled"; }, rig::Milliseconds(3000)));
  EXPECT_EQ(cluster_.slots_of(3), moved);
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

// Also by another operator than the one that began with it, and whatever the spec says afterwards.
TEST_F(OperatorEdits, ARollBackGoesHomeAndIsFinal) {
  const auto owners = cluster_.owners();
  auto running = start_moving();
  ASSERT_TRUE(rig::wait_until([&] { return slots_claimed_by(cluster_, 3) > 200; }, kSoon)) << told();
  api_.merge(path(), R"({"spec": {"execution": "RollBack"}})");
  ASSERT_TRUE(reaches("RollingBack", kSoon)) << told() << running->said();
  ASSERT_TRUE(rig::wait_until([&] { return any_slot_open(cluster_); }, kSoon)) << told() << running->said();
  running->process().kill_hard();
  running = start();
  lift_the_bound();
  api_.merge(path(), R"({"spec": {"execution": "Run"}})");
  EXPECT_TRUE(reaches("RolledBack")) << told() << running->said();
  EXPECT_EQ(cluster_.owners(), owners);
  EXPECT_EQ(condition("Ready", "status"), "True");

  api_.merge(path(), R"({"spec": {"batch": {"maxSlots": 10}}})");
  EXPECT_FALSE(rig::wait_until([&] { return state() != "RolledBack"; }, rig::Milliseconds(3000)));
  EXPECT_EQ(cluster_.owners(), owners);
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

// A namespace that is deleted takes pods and secrets with it before the object, and nothing can be created
// in it any more. The servers of this test live on: what they hold must stay whole.
TEST_F(OperatorEdits, ADeletedNamespaceGetsItsObjectBackInTime) {
  const auto running = start_moving();
  api_.remove("/api/v1/namespaces/" + space_);
  api_.remove(rig::core_path(space_, "secrets", "redis-auth"));
  for (int i = 0; i < cluster_.size(); ++i) rig::remove_pod(api_, space_, "redis-" + std::to_string(i));
  api_.remove(rig::core_path(space_, "configmaps", "rebalance-rebalance"));
  api_.remove(path());
  EXPECT_TRUE(rig::wait_until([&] { return !api_.exists(path()); }, rig::Milliseconds(60'000)))
      << told() << running->said();
  EXPECT_TRUE(running->process().running()) << running->said();
  expect_nothing_lost(writer_);
}

// A namesake is another object, also while the run of the first one winds down.
TEST_F(OperatorEdits, ANamesakeIsWorkedOnForItself) {
  const auto running = start_moving();
  const auto uid = api_.field(path(), "/metadata/uid");
  api_.merge(path(), R"({"metadata": {"finalizers": null}})");
  api_.remove(path());
  apply(drain_of("redis-3"));
  ASSERT_NE(api_.field(path(), "/metadata/uid"), uid);
  EXPECT_TRUE(rig::wait_until([&] { return collect(), state() == "Succeeded"; }, kWork))
      << told() << running->said();
  EXPECT_EQ(cluster_.slots_of(3), 0);
  expect_nothing_lost(writer_);
  expect_clean(cluster_);
}

}  // namespace
}  // namespace rebalance
