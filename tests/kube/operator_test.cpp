// The operator beside a real API server and a real cluster: what a person applies, and what comes of it.
#include <signal.h>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;
using testing::Optional;

class Operator : public OperatorTest {};

TEST_F(Operator, WhatIsAppliedIsPlannedMovedAndDone) {
  const auto before = rig::digest(cluster_.seed());
  const auto running = start();
  apply();
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_EQ(condition("Ready", "status"), "True");
  EXPECT_EQ(condition("Stalled", "status"), "False");
  EXPECT_THAT(api_.field(path(), "/status/observedGeneration"), Optional(std::string("1")));
  EXPECT_GT(cluster_.slots_of(3), 3000);
  expect_same_data(before, rig::digest(cluster_.seed()));
  expect_clean(cluster_);
}

// By kstatus, which Flux waits with, an object without a status is as it should be.
TEST_F(Operator, WhatNobodyLookedAtYetDoesNotPassForDone) {
  apply();
  EXPECT_EQ(api_.field(path(), "/status/observedGeneration"), "-1");
}

TEST_F(Operator, WhatNeedsApprovalWaitsForItsHashAndThatVeryPlanIsExecuted) {
  const auto running = start();
  apply_named("rebalance", "type: Balance", "approval: {mode: Manual}\n");
  ASSERT_TRUE(reaches("AwaitingApproval", kSoon)) << told() << running->said();
  const auto hash = api_.field(path(), "/status/plan/hash").value_or("");
  EXPECT_EQ(cluster_.slots_of(3), 0);
  api_.merge(path(), R"({"spec": {"approval": {"planHash": ")" + hash + R"("}}})");
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_EQ(api_.field(path(), "/status/plan/approvedHash"), hash);
}

TEST_F(Operator, WhatDoesNotFitIsRefusedInNumbers) {
  for (int i = 0; i < cluster_.size(); ++i)
    rig::set_running_limit(api_, space_, "redis-" + std::to_string(i), 16 << 20);
  const auto running = start();
  apply();
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  EXPECT_EQ(condition("Stalled", "status"), "True");
  EXPECT_EQ(cluster_.slots_of(3), 0);
}

// A limit that is raised in place is seen in the pod's status, and that is enough.
TEST_F(Operator, WhatDoesNotFitWaitsForRoomWhereTheSpecSaysSo) {
  const auto set_limits = [&](std::int64_t bytes) {
    for (int i = 0; i < cluster_.size(); ++i)
      rig::set_running_limit(api_, space_, "redis-" + std::to_string(i), bytes);
  };
  set_limits(16 << 20);
  const auto running = start();
  apply("type: Balance", "headroom: {onShortage: Wait}\n");
  ASSERT_TRUE(reaches("Waiting", kSoon)) << told() << running->said();
  EXPECT_EQ(reason(), "WaitingForMemory");
  EXPECT_EQ(condition("HeadroomSufficient", "status"), "False");
  EXPECT_EQ(condition("Reconciling", "status"), "True");
  EXPECT_THAT(told(), HasSubstr("shortBytes"));
  EXPECT_EQ(cluster_.slots_of(3), 0);
  set_limits(256 << 20);
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_GT(cluster_.slots_of(3), 3000);
}

TEST_F(Operator, TheFirstSlotsAreWatchedBeforeTheRestGoes) {
  const auto running = start();
  apply("type: Balance", "canary: {slots: 50, observeSeconds: 5, maxLatencyIncreasePercent: 10000}\n");
  EXPECT_TRUE(rig::wait_until([&] { return state() == "Canary" && reason() == "WatchingCanary"; }, kSoon))
      << told() << running->said();
  EXPECT_EQ(cluster_.slots_of(3), 50);
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_GT(cluster_.slots_of(3), 3000);
}

// By day: the hours of the day that are furthest from now.
TEST_F(Operator, OutsideItsWindowsItWaitsAndAnEditLetsItGo) {
  const auto running = start();
  apply("type: Balance", window_later());
  ASSERT_TRUE(reaches("Waiting", kSoon)) << told() << running->said();
  EXPECT_EQ(reason(), "Window");
  EXPECT_THAT(told(), HasSubstr("T" + hour_from_now(11) + ":00Z"));
  EXPECT_EQ(cluster_.slots_of(3), 0);
  api_.merge(path(), R"({"spec": {"windows": []}})");
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
}

TEST_F(Operator, KilledAtAnyMomentItsSuccessorFinishesAndNothingIsLost) {
  rig::Writer writer(cluster_.seed());
  apply("type: Balance", kSlowly);
  auto running = start();
  for (int kills = 0; kills < 3; ++kills) {
    ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
    running->process().kill_hard();
    running = start();
  }
  lift_the_bound();
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  expect_nothing_lost(writer);
  expect_clean(cluster_);
}

TEST_F(Operator, DeletedInTheMiddleItClosesEverySlotAndLetsGo) {
  rig::Writer writer(cluster_.seed());
  apply("type: Balance", kSlowly);
  const auto running = start();
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
  api_.remove(path());
  EXPECT_TRUE(rig::wait_until([&] { return !api_.exists(path()); }, kWork)) << told() << running->said();
  expect_clean(cluster_);
  expect_nothing_lost(writer);
}

TEST_F(Operator, AHoldStopsWhatMovesAndItsEndLetsItGoOn) {
  apply("type: Balance", kSlowly);
  const auto running = start();
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
  api_.create(
      rig::core_path(space_, "configmaps"),
      R"({"metadata": {"name": "redis-rebalance-hold"}, "data": {"hold": "maintenance until noon"}})");
  EXPECT_TRUE(rig::wait_until(
      [&] { return state() == "Waiting" && told().find("maintenance until noon") != std::string::npos; },
      kSoon))
      << told() << running->said();
  EXPECT_TRUE(rig::wait_until([&] { return !any_slot_open(cluster_); }, kSoon));
  api_.remove(rig::core_path(space_, "configmaps", "redis-rebalance-hold"));
  lift_the_bound();
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
}

TEST_F(Operator, TwoObjectsOfOneClusterWorkOneAfterTheOther) {
  const auto running = start();
  apply("type: Balance", kSlowly);
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
  apply_named("second", "type: Balance", kAtOnce);
  EXPECT_TRUE(reaches("Waiting", kSoon, "second")) << told("second");
  EXPECT_THAT(told("second"), HasSubstr("WaitingForCluster"));
  lift_the_bound();
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_TRUE(reaches("Succeeded", kWork, "second")) << told("second") << running->said();
}

TEST_F(Operator, ASpecThatIsRefusedByOurRulesSaysSoInTheStatus) {
  const auto running = start();
  apply("type: Balance", "coldKeys: {action: Delete}\n");
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  EXPECT_THAT(told(), HasSubstr("coldKeys"));
}

// All keys are that old by then; the sizes of slots show what is left.
TEST_F(Operator, ColdKeysAreDeletedWhereTheInstallationAllowsItAndCounted) {
  const auto before = rig::digest(cluster_.seed()).keys.size();
  const auto running = start({"--allow-cold-key-deletion"});
  std::this_thread::sleep_for(rig::Milliseconds(2500));
  apply(move_of("0-99", "redis-3"), "coldKeys: {action: Delete, idleSeconds: 1}\n");
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  const auto deleted = std::stoull(api_.field(path(), "/status/coldKeys/deleted").value_or("0"));
  EXPECT_GT(deleted, 50U) << told();
  EXPECT_EQ(rig::digest(cluster_.seed()).keys.size(), before - deleted);
  EXPECT_EQ(cluster_.keys_of(3), 0);
  EXPECT_THAT(api_.get(rig::core_path(space_, "configmaps", "rebalance-rebalance")),
              HasSubstr("cold-keys.json"));
}

TEST_F(Operator, OfTwoOperatorsOneLeadsAndAfterItsEndTheOtherGoesOn) {
  const auto first = start({"--leader-elect"});
  apply("type: Balance", kSlowly);
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << first->said();
  const auto second = start({"--leader-elect"});
  first->process().signal(SIGTERM);
  EXPECT_EQ(first->exit_code(kSoon), kDone) << first->said();
  EXPECT_FALSE(any_slot_open(cluster_)) << "it stopped at a slot boundary";
  lift_the_bound();
  EXPECT_TRUE(reaches("Succeeded")) << told() << second->said();
}

}  // namespace
}  // namespace rebalance
