// get, watch, explain, approve, pause, resume, cancel and rollback, as a person types them, beside an
// operator at work.
#include <cstdlib>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class Steer : public OperatorTest {
 protected:
  rig::Finished type(std::vector<std::string> words, const std::string& program = PROGRAM) const {
    words.insert(words.begin(), program);
    words.insert(words.end(), {"--kubeconfig", plane_.kubeconfig(), "--namespace", space_});
    return rig::run(words);
  }
  void expect_refused(const std::vector<std::string>& words, const std::string& sentence) const {
    const auto done = type(words);
    EXPECT_EQ(done.exit_code, kRefused) << done.out;
    EXPECT_THAT(done.err, HasSubstr(sentence));
    EXPECT_EQ(done.out, "");
  }
  void expect_done(const std::vector<std::string>& words, const std::string& sentence) const {
    const auto done = type(words);
    EXPECT_EQ(done.exit_code, kDone) << done.err;
    EXPECT_THAT(done.out, HasSubstr(sentence));
  }
  std::unique_ptr<Started> watch() {
    return std::make_unique<Started>(std::vector<std::string>{PROGRAM, "watch", "rebalance", "--kubeconfig",
                                                              plane_.kubeconfig(), "--namespace", space_},
                                     folder_.path() / "watched");
  }
};

TEST_F(Steer, APersonTakesARebalanceThroughAllOfItsControls) {
  apply_named("rebalance", "type: Balance", std::string("approval: {mode: Manual}\n") + kVerySlowly);
  const auto running = start();
  ASSERT_TRUE(reaches("AwaitingApproval")) << told() << running->said();
  expect_done({"get"}, "AwaitingApproval");
  expect_done({"get", "rebalance"}, *api_.field(path(), "/status/plan/hash"));
  expect_refused({"rollback", "rebalance"}, "no slot has moved yet");
  expect_refused({"approve", "rebalance", "--plan-hash", "0000000000000000"}, "look at it again");
  const auto watched = watch();
  expect_done({"approve", "rebalance"}, "is approved");
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();

  expect_done({"pause", "rebalance"}, "stops at the next safe point");
  EXPECT_TRUE(reaches("Paused")) << told() << running->said();
  expect_refused({"pause", "rebalance"}, "it was paused before");
  expect_done({"resume", "rebalance"}, "goes on");
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
  expect_done({"rollback", "rebalance"}, "back to where it was");
  lift_the_bound();  // after it: without the bound the plan would be another, and approved by nobody
  EXPECT_TRUE(reaches("RolledBack")) << told() << running->said();
  EXPECT_EQ(cluster_.slots_of(3), 0);

  EXPECT_EQ(watched->exit_code(kSoon), kDone) << watched->said();
  for (const char* state : {"AwaitingApproval (", "Rebalancing (", "Paused (", "RolledBack ("})
    EXPECT_THAT(watched->said(), HasSubstr(state));
  expect_refused({"cancel", "rebalance"}, "rebalance is RolledBack: there is nothing to cancel");
  expect_clean(cluster_);
}

TEST_F(Steer, ExplainSaysOfAPlanThatWaitsWhyEachPodAndSlotGetsWhatItDoes) {
  apply_named("rebalance", "type: Balance", "approval: {mode: Manual}\n");
  const auto running = start();
  ASSERT_TRUE(reaches("AwaitingApproval")) << told() << running->said();
  const auto explain = [&](const std::vector<std::string>& more, int code, const std::string& sentence) {
    std::vector<std::string> words{"explain", "rebalance"};
    words.insert(words.end(), more.begin(), more.end());
    const auto done = type(words);
    EXPECT_EQ(done.exit_code, code) << done.err;
    EXPECT_THAT(code == kInvalid ? done.err : done.out, HasSubstr(sentence));
  };
  // The same sentences as in the status.
  explain({}, kAwaitsApproval, "AwaitingApproval (ApprovalNeeded): " + *condition("Ready", "message"));
  ASSERT_TRUE(rig::wait_until([&] { return api_.field(path(), "/status/nodes/3/why").has_value(); }, kSoon));
  const auto receives = *api_.field(path(), "/status/nodes/3/why");
  EXPECT_THAT(receives, testing::StartsWith("redis-3 receives "));
  explain({}, kAwaitsApproval, "\n  " + receives + "\n    It uses ");
  explain({"--pod", "redis-3"}, kAwaitsApproval, "\n" + receives + "\n");
  explain({"--pod", "redis-9"}, kInvalid, "its pods are redis-0, redis-1, redis-2 and redis-3");
  // The batches are in the ConfigMap alone: the last slot of redis-2 goes first, its first one stays.
  explain({"--slot", "16383"}, kAwaitsApproval, "Slot 16383 goes from redis-2 to redis-3 in batch ");
  explain({"--slot", "16383"}, kAwaitsApproval, "\n" + receives + "\n");
  explain({"--slot", "0"}, kAwaitsApproval, "Slot 0 is in no batch of the plan that is kept: it stays");
  expect_done({"approve", "rebalance"}, "is approved");
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  explain({}, kDone, "Succeeded (Done): ");
  expect_refused({"explain", "nobody"}, "there is no RedisRebalance nobody in the namespace " + space_);
}

TEST_F(Steer, ACancelEndsAWatchAsItEndsARun) {
  apply("type: Balance", kVerySlowly);
  const auto running = start();
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
  const auto watched = watch();
  expect_done({"cancel", "rebalance"}, "for good");
  EXPECT_EQ(watched->exit_code(kSoon), kStopped) << watched->said();
  expect_refused({"resume", "rebalance"}, "make a new one");
  expect_clean(cluster_);
}

TEST_F(Steer, WhatIsNotThereIsSaid) {
  expect_done({"get"}, "no RedisRebalance in the namespace " + space_);
  for (const char* command : {"get", "watch", "pause"})
    expect_refused({command, "nobody"}, "there is no RedisRebalance nobody in the namespace " + space_);
  apply();
  const auto watched = watch();
  ASSERT_TRUE(rig::wait_until([&] { return watched->said().find("Planning") != std::string::npos; }, kSoon));
  api_.remove(path());
  EXPECT_EQ(watched->exit_code(kSoon), kStopped);
  EXPECT_THAT(watched->said(), HasSubstr("it was deleted"));
}

TEST_F(Steer, WhoMayNotIsToldWhichRightIsMissing) {
  apply();
  const auto stranger = plane_.kubeconfig(plane_.token_of(space_, "stranger"));
  const auto done =
      rig::run({PROGRAM, "pause", "rebalance", "--kubeconfig", stranger, "--namespace", space_});
  EXPECT_EQ(done.exit_code, kRefused);
  EXPECT_THAT(done.err, HasSubstr("cannot get resource \"redisrebalances\""));
}

TEST_F(Steer, KubectlFindsItAsAPluginByItsName) {
  apply();
  std::filesystem::create_symlink(PROGRAM, folder_.path() / "kubectl-rebalance");
  const auto done = rig::run({rig::kube_tool("kubectl"), "rebalance", "get", "-n", space_},
                             {.environment = {{"PATH", folder_.path().string() + ":" + std::getenv("PATH")},
                                              {"KUBECONFIG", plane_.kubeconfig().string()}}});
  EXPECT_EQ(done.exit_code, kDone) << done.err;
  EXPECT_THAT(done.out, HasSubstr("rebalance"));
  const auto why = rig::run({rig::kube_tool("kubectl"), "rebalance", "explain", "rebalance", "-n", space_},
                            {.environment = {{"PATH", folder_.path().string() + ":" + std::getenv("PATH")},
                                             {"KUBECONFIG", plane_.kubeconfig().string()}}});
  EXPECT_EQ(why.exit_code, kDone) << why.err;
  EXPECT_THAT(why.out, HasSubstr("Planning ("));
}

}  // namespace
}  // namespace rebalance
