// The operator beside a real API server and a real cluster: what a person applies, and what comes of it.
#include <signal.h>

#include "rig/control_plane.h"
#include "rig/pod_objects.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using rig::Milliseconds;
using testing::HasSubstr;
using testing::Optional;

constexpr Milliseconds kSoon{30'000};
constexpr Milliseconds kWork{120'000};

// A namespace with the pods of three primaries and an empty one, and operators that watch it.
class Operator : public testing::Test {
 protected:
  explicit Operator(const rig::ClusterOptions& options = {.primaries = 3, .empty_primaries = 1})
      : cluster_(rig::version_named("r70"), options) {
    rig::fill(cluster_.seed(), {.keys = 20'000});
    rig::write_pods(api_, space_, cluster_);
  }

  void apply(const std::string& goal = "type: Balance", const std::string& more = "") {
    rig::apply_rebalance(api_, cluster_,
                         {.name_space = space_,
                          .goal = goal,
                          .spec = kAtOnce + std::string(kAlone) + "observeSeconds: 0\n" + more});
  }
  std::unique_ptr<Started> start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{PROGRAM,
                                   "operator",
                                   "--kubeconfig",
                                   plane_.kubeconfig(plane_.token_of(space_, "operator")).string(),
                                   "--namespaces",
                                   space_,
                                   "--own-namespace",
                                   space_,
                                   "--metrics-address",
                                   "127.0.0.1:0"};
    words.insert(words.end(), more.begin(), more.end());
    return std::make_unique<Started>(words, folder_.path() / ("said-" + std::to_string(++starts_)));
  }
  std::string path() const { return rig::rebalance_path(space_, "rebalance"); }
  std::optional<std::string> state() const { return api_.field(path(), "/status/state"); }
  std::optional<std::string> reason() const { return condition("Ready", "reason"); }
  std::optional<std::string> condition(const std::string& type, const std::string& what) const {
    for (int i = 0; i < 16; ++i) {
      const auto at = "/status/conditions/" + std::to_string(i) + "/";
      if (api_.field(path(), at + "type") == type) return api_.field(path(), at + what);
    }
    return std::nullopt;
  }
  bool reaches(const std::string& wanted, Milliseconds limit = kWork) {
    return rig::wait_until([&] { return state() == wanted; }, limit);
  }
  std::string told() const { return api_.send("GET", path()).body; }

  rig::ControlPlane& plane_ = rig::ControlPlane::shared();
  rig::KubeApi api_ = plane_.admin();
  std::string space_ = plane_.new_namespace();
  rig::TempFolder folder_;
  rig::TestCluster cluster_;
  int starts_ = 0;

 private:
  // The rights that the chart gives, in this namespace.
  bool allowed_ = allow();
  bool allow() const {
    api_.create("/apis/rbac.authorization.k8s.io/v1/namespaces/" + space_ + "/rolebindings",
                R"({"metadata": {"name": "operator"},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                    "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": ")" +
                    space_ + R"("}]})");
    return true;
  }
};

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

TEST_F(Operator, WhatNeedsApprovalWaitsForItsHashAndThatVeryPlanIsExecuted) {
  const auto running = start();
  rig::apply_rebalance(
      api_, cluster_,
      {.name_space = space_, .spec = std::string(kAlone) + "observeSeconds: 0\napproval: {mode: Manual}\n"});
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

TEST_F(Operator, KilledAtAnyMomentItsSuccessorFinishesAndNothingIsLost) {
  rig::Writer writer(cluster_.seed());
  apply("type: Balance", kSlowly);
  auto running = start();
  for (int kills = 0; kills < 3; ++kills) {
    ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
    running->process().kill_hard();
    running = start();
  }
  api_.merge(path(), R"({"spec": {"batch": {"maxBytesPerSecond": null}}})");
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
  api_.merge(path(), R"({"spec": {"batch": {"maxBytesPerSecond": null}}})");
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
}

TEST_F(Operator, TwoObjectsOfOneClusterWorkOneAfterTheOther) {
  const auto running = start();
  apply("type: Balance", kSlowly);
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
  rig::apply_rebalance(api_, cluster_,
                       {.name = "second",
                        .name_space = space_,
                        .spec = kAtOnce + std::string(kAlone) + "observeSeconds: 0\n"});
  const auto second = rig::rebalance_path(space_, "second");
  EXPECT_TRUE(rig::wait_until([&] { return api_.field(second, "/status/state") == "Waiting"; }, kSoon))
      << api_.send("GET", second).body;
  EXPECT_THAT(api_.send("GET", second).body, HasSubstr("WaitingForCluster"));
  api_.merge(path(), R"({"spec": {"batch": {"maxBytesPerSecond": null}}})");
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_TRUE(rig::wait_until([&] { return api_.field(second, "/status/state") == "Succeeded"; }, kWork))
      << api_.send("GET", second).body << running->said();
}

TEST_F(Operator, ASpecThatIsRefusedByOurRulesSaysSoInTheStatus) {
  const auto running = start();
  apply("type: Balance", "engine: LiveCopy\n");
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  EXPECT_THAT(told(), HasSubstr("LiveCopy"));
}

TEST_F(Operator, OfTwoOperatorsOneLeadsAndAfterItsEndTheOtherGoesOn) {
  const auto first = start({"--leader-elect"});
  apply("type: Balance", kSlowly);
  ASSERT_TRUE(wait_for_open_slot(cluster_)) << told() << first->said();
  const auto second = start({"--leader-elect"});
  first->process().signal(SIGTERM);
  EXPECT_EQ(first->exit_code(kSoon), kDone) << first->said();
  EXPECT_FALSE(any_slot_open(cluster_)) << "it stopped at a slot boundary";
  api_.merge(path(), R"({"spec": {"batch": {"maxBytesPerSecond": null}}})");
  EXPECT_TRUE(reaches("Succeeded")) << told() << second->said();
}

}  // namespace
}  // namespace rebalance
