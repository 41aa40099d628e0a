// spec.ttlSecondsAfterFinished beside a real API server: what goes, when, and what stays.
#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class OperatorTtl : public OperatorTest {
 protected:
  OperatorTtl() : OperatorTest({.primaries = 2}, 300) {}

  bool goes(const std::string& name = "rebalance", rig::Milliseconds limit = kSoon) {
    return rig::wait_until([&] { return !api_.exists(path(name)); }, limit);
  }
};

// By whichever operator is there when its time is over.
TEST_F(OperatorTtl, WhatHasEndedIsDeletedInItsTime) {
  auto running = start();
  apply(move_of("0-20", "redis-1"), "ttlSecondsAfterFinished: 4\n");
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_TRUE(api_.field(path(), "/status/finished"));
  running->process().kill_hard();
  running = start();
  EXPECT_FALSE(goes("rebalance", rig::Milliseconds(1500))) << "too early";
  EXPECT_TRUE(goes()) << told() << running->said();
  EXPECT_TRUE(running->process().running()) << running->said();
  EXPECT_EQ(cluster_.slots_of(1), rig::kSlots / 2 + 21);
  expect_clean(cluster_);
}

TEST_F(OperatorTtl, SoIsWhatWasRefusedOrCancelledButNotWhatWaits) {
  const auto running = start();
  const std::string ttl = "ttlSecondsAfterFinished: 0\n";
  apply_named("refused", move_of("0-20", "redis-7"), kAtOnce + ttl);
  apply_named("cancelled", move_of("0-20", "redis-1"), "execution: Cancelled\n" + ttl);
  apply_named("waits", move_of("0-20", "redis-1"), "approval: {mode: Manual}\n" + ttl);
  EXPECT_TRUE(goes("refused")) << told("refused") << running->said();
  EXPECT_TRUE(goes("cancelled")) << told("cancelled") << running->said();
  EXPECT_TRUE(reaches("AwaitingApproval", kSoon, "waits")) << told("waits") << running->said();
  EXPECT_FALSE(goes("waits", rig::Milliseconds(2000)));
  EXPECT_THAT(running->said(), HasSubstr("spec.ttlSecondsAfterFinished is over"));
}

// The time may be set or changed afterwards, as with a Job.
TEST_F(OperatorTtl, ATimeThatIsSetAfterwardsCountsAsWell) {
  const auto running = start();
  apply(move_of("0-20", "redis-1"));
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_FALSE(goes("rebalance", rig::Milliseconds(1000)));
  api_.merge(path(), R"({"spec": {"ttlSecondsAfterFinished": 1}})");
  EXPECT_TRUE(goes()) << told() << running->said();
}

TEST_F(OperatorTtl, WhatFluxOrArgoCdOwnsStaysAndSaysWhy) {
  const auto running = start();
  api_.create(rig::rebalance_path(space_), R"({
      "apiVersion": "redisrebalance.io/v1alpha1", "kind": "RedisRebalance",
      "metadata": {"name": "owned", "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
      "spec": {"cluster": {"podSelector": {"matchLabels": {"app": "redis-cluster"}}},
               "goal": {"type": "Move", "move": {"assignments": [{"slots": "0-20", "to": "redis-7"}]}},
               "safety": {"replicas": "Ignore", "persistence": "Ignore"}, "ttlSecondsAfterFinished": 0}})");
  ASSERT_TRUE(reaches("Refused", kSoon, "owned")) << told("owned") << running->said();
  EXPECT_THAT(told("owned"), HasSubstr("Flux (kustomize.toolkit.fluxcd.io/name: apps) owns this object"));
  EXPECT_TRUE(rig::wait_until([&] { return events().find("TtlIgnored") != std::string::npos; }, kSoon))
      << events() << running->said();
  EXPECT_FALSE(goes("owned", rig::Milliseconds(2000)));
}

}  // namespace
}  // namespace rebalance
