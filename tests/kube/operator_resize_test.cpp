// headroom.onShortage Resize beside a real API server, where the test plays the kubelet: limits go up before
// the first slot moves, only what is real counts, and they are put back whatever happens.
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kReceiver = "redis-3";

// What a kubelet does with the limits that the specs of the pods ask for.
class TestKubelet {
 public:
  enum class Does { kMakesThemReal, kNothing, kDefers, kCannot };

  TestKubelet(rig::KubeApi api, std::string name_space)
      : api_(std::move(api)), space_(std::move(name_space)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            look();
            rig::nap(rig::Milliseconds(100));
          }
        }) {}

  void now(Does does) { does_ = does; }

 private:
  void look() {
    if (rig::wanted_limit(api_, space_, kReceiver) == rig::running_limit(api_, space_, kReceiver)) {
      if (said_) rig::say_of_resize(api_, space_, kReceiver, "");
      said_ = false;
      return;
    }
    switch (does_) {
      case Does::kMakesThemReal:
        return rig::set_running_limit(api_, space_, kReceiver, rig::wanted_limit(api_, space_, kReceiver));
      case Does::kDefers: return say("Deferred", "Node didn't have enough resource: memory");
      case Does::kCannot: return say("Infeasible", "Node didn't have enough capacity: memory");
      case Does::kNothing: return;
    }
  }
  void say(const char* reason, const char* message) {
    if (!said_) rig::say_of_resize(api_, space_, kReceiver, reason, message);
    said_ = true;
  }

  rig::KubeApi api_;
  const std::string space_;
  std::atomic<Does> does_{Does::kMakesThemReal};
  bool said_ = false;
  std::jthread thread_;  // last: it ends before what it uses
};

using Does = TestKubelet::Does;

class OperatorResize : public OperatorTest {
 protected:
  explicit OperatorResize(Rights rights = Rights::kAll)
      : OperatorTest({.primaries = 3, .empty_primaries = 1, .server = {.config = {"save 86400 1000000000"}}},
                     150'000, rights) {
    rig::write_node(api_);
  }

  // The receiver's limit becomes one that the data fits in the end, and what is needed meanwhile does not: a
  // MiB below what the plan expects at its peak, of which some six are for a fork and the buffers of MIGRATE.
  std::unique_ptr<Started> start_tight() {
    auto running = start();
    apply_named("look", "type: Balance", "execution: PlanOnly\n");
    EXPECT_TRUE(reaches("Succeeded", kSoon, "look")) << told("look") << running->said();
    const auto projected = api_.field(path("look"), "/status/nodes/3/projected").value_or("0Mi");
    tight_ = static_cast<std::int64_t>((std::stod(projected) - 1) * (1 << 20) / 80 * 100);
    set_limit(tight_);
    return running;
  }
  void set_limit(std::int64_t bytes) {
    rig::resize(api_, space_, kReceiver, bytes);
    rig::set_running_limit(api_, space_, kReceiver, bytes);
  }
  void apply_resize(const std::string& more = "", const std::string& most = "1Gi") {
    apply("type: Balance", "headroom: {onShortage: Resize, resize: {maxLimit: " + most + "}}\n" + more);
  }
  bool waits_for(const std::string& reason_wanted, const std::string& words = "") {
    return rig::wait_until(
        [&] { return reason() == reason_wanted && told().find(words) != std::string::npos; }, kSoon);
  }
  bool is_raised() const { return rig::wanted_limit(api_, space_, kReceiver) > tight_; }
  bool is_back() const {
    return rig::wanted_limit(api_, space_, kReceiver) == tight_ &&
           rig::running_limit(api_, space_, kReceiver) == tight_;
  }
  bool moving() { return wait_for_open_slot(cluster_); }
  // What the operator left of it: the limit as it was, no record, no finalizer, no row in the status.
  void expect_put_back(const Started& running) {
    EXPECT_TRUE(rig::wait_until([&] { return is_back(); }, kSoon)) << told() << running.said();
    EXPECT_TRUE(rig::wait_until(
        [&] { return told().find("raisedLimits") == std::string::npos && !on_record(); }, kSoon))
        << told() << running.said();
  }
  bool on_record() const {
    return api_.send("GET", rig::core_path(space_, "configmaps", "rebalance-rebalance"))
               .body.find("limits.json") != std::string::npos;
  }
  void replace_receiver(const rig::KubePodOptions& options) {
    rig::remove_pod(api_, space_, kReceiver);
    EXPECT_TRUE(
        rig::wait_until([&] { return !api_.exists(rig::core_path(space_, "pods", kReceiver)); }, kSoon));
    rig::write_pod(api_, space_, cluster_, 3, options);
  }

  std::int64_t tight_ = 0;
  TestKubelet kubelet_{api_, space_};
};

TEST_F(OperatorResize, TheLimitOfTheReceiverGoesUpForTheMoveAndBackAfterIt) {
  const auto running = start_tight();
  apply("type: Balance");
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  kubelet_.now(Does::kNothing);
  apply_resize();
  ASSERT_TRUE(waits_for("Resizing", "is real, and the kubelet has not said anything")) << told();
  EXPECT_EQ(condition("HeadroomSufficient", "status"), "False");
  EXPECT_EQ(api_.field(path(), "/status/raisedLimits/0/pod"), kReceiver);
  EXPECT_TRUE(is_raised() && on_record());
  EXPECT_EQ(cluster_.slots_of(3), 0) << "nothing moves before it is real";
  kubelet_.now(Does::kMakesThemReal);
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_GT(cluster_.slots_of(3), 3000);
  expect_put_back(*running);
  expect_clean(cluster_);
}

TEST_F(OperatorResize, WhatIsDeferredIsWaitedForInTheKubeletsWords) {
  const auto running = start_tight();
  kubelet_.now(Does::kDefers);
  apply_resize();
  ASSERT_TRUE(waits_for("Resizing", "Deferred: Node didn't have enough resource")) << told();
  EXPECT_EQ(state(), "Waiting");
  rig::nap(rig::Milliseconds(5'000));
  EXPECT_EQ(cluster_.slots_of(3), 0);
  kubelet_.now(Does::kMakesThemReal);
  EXPECT_TRUE(reaches("Succeeded")) << told() << running->said();
  expect_put_back(*running);
}

TEST_F(OperatorResize, WhatIsInfeasibleIsRefusedAndTakenBack) {
  const auto running = start_tight();
  kubelet_.now(Does::kCannot);
  apply_resize();
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  EXPECT_EQ(reason(), "CannotResize");
  EXPECT_THAT(told(), HasSubstr("Infeasible: Node didn't have enough capacity"));
  expect_put_back(*running);
  EXPECT_EQ(cluster_.slots_of(3), 0);
}

TEST_F(OperatorResize, AServerThatWouldBeRestartedIsNotResized) {
  const auto running = start_tight();
  replace_receiver({.default_limit = tight_, .restarts_on_resize = true});
  apply_resize();
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  EXPECT_EQ(reason(), "Ceiling");
  EXPECT_THAT(told(), HasSubstr("resizePolicy for memory is RestartContainer"));
  EXPECT_FALSE(is_raised());
}

TEST_F(OperatorResize, NotAboveTheBoundOfTheSpec) {
  const auto running = start_tight();
  apply_resize("", std::to_string(tight_ + (256 << 10)));
  ASSERT_TRUE(reaches("Refused", kSoon)) << told() << running->said();
  EXPECT_THAT(told(), HasSubstr("headroom.resize.maxLimit is"));
  EXPECT_FALSE(is_raised());
}

TEST_F(OperatorResize, AKilledOperatorsSuccessorPutsBackWhatWasRaised) {
  auto running = start_tight();
  rig::Writer writer(cluster_.seed(), {.operations_per_second = 50});
  apply_resize(kVerySlowly);
  ASSERT_TRUE(moving()) << told() << running->said();
  EXPECT_TRUE(is_raised() && on_record());
  running->process().kill_hard();
  running = start();
  lift_the_bound();
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  expect_put_back(*running);
  expect_nothing_lost(writer);
  expect_clean(cluster_);
}

// Its end is told and stands; what is left of it is closed without a word in the status.
TEST_F(OperatorResize, WhatIsNotBackAtTheEndIsSeenToByWhoeverComesNext) {
  auto running = start_tight();
  apply_resize(kVerySlowly);
  ASSERT_TRUE(moving()) << told() << running->said();
  kubelet_.now(Does::kNothing);
  lift_the_bound();
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  running->process().kill_hard();
  EXPECT_TRUE(api_.field(path(), "/status/raisedLimits/0/raisedTo"));
  EXPECT_TRUE(api_.field(path(), "/metadata/finalizers/0"));
  const auto hash = api_.field(path(), "/status/plan/hash");
  running = start();
  kubelet_.now(Does::kMakesThemReal);
  expect_put_back(*running);
  EXPECT_TRUE(rig::wait_until([&] { return !api_.field(path(), "/metadata/finalizers/0"); }, kSoon))
      << told() << running->said();
  EXPECT_EQ(state(), "Succeeded");
  EXPECT_EQ(api_.field(path(), "/status/plan/hash"), hash);
}

TEST_F(OperatorResize, CancelledInTheMiddleItPutsTheLimitBack) {
  const auto running = start_tight();
  apply_resize(kVerySlowly);
  ASSERT_TRUE(moving()) << told() << running->said();
  EXPECT_TRUE(is_raised());
  api_.merge(path(), R"({"spec": {"execution": "Cancelled"}})");
  ASSERT_TRUE(reaches("Cancelled", kSoon)) << told() << running->said();
  expect_put_back(*running);
  expect_clean(cluster_);
}

TEST_F(OperatorResize, DeletedInTheMiddleItPutsTheLimitBackBeforeItGoes) {
  const auto running = start_tight();
  apply_resize(kVerySlowly);
  ASSERT_TRUE(moving()) << told() << running->said();
  api_.remove(path());
  EXPECT_TRUE(rig::wait_until([&] { return !api_.exists(path()); }, kWork)) << told() << running->said();
  EXPECT_TRUE(is_back());
  expect_clean(cluster_);
}

// All but pods/resize, as the chart gives it by default.
class OperatorMayNotResize : public OperatorResize {
 protected:
  OperatorMayNotResize() : OperatorResize(Rights::kNone) {
    give({"pods", "secrets", "configmaps", "leases", "events", "redisrebalances", "redisrebalances/status",
          "redisrebalances/finalizers"});
    const nlohmann::json subject{{"kind", "ServiceAccount"}, {"name", "operator"}, {"namespace", space_}};
    const nlohmann::json role{
        {"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "operator"}};
    api_.create(roles() + "/rolebindings", nlohmann::json{{"metadata", {{"name", "operator"}}},
                                                          {"roleRef", role},
                                                          {"subjects", nlohmann::json::array({subject})}}
                                               .dump());
  }
  void give(const std::vector<std::string>& resources) {
    const nlohmann::json rule{{"apiGroups", {"*"}}, {"resources", resources}, {"verbs", {"*"}}};
    api_.apply(roles() + "/roles/operator", nlohmann::json{{"apiVersion", "rbac.authorization.k8s.io/v1"},
                                                           {"kind", "Role"},
                                                           {"metadata", {{"name", "operator"}}},
                                                           {"rules", nlohmann::json::array({rule})}}
                                                .dump());
  }
  std::string roles() const { return "/apis/rbac.authorization.k8s.io/v1/namespaces/" + space_; }
};

TEST_F(OperatorMayNotResize, ItSaysWhichValueOfTheChartGivesTheRightAndGoesOnWithIt) {
  const auto running = start_tight();
  apply_resize();
  ASSERT_TRUE(waits_for("CannotResize", "rbac.resizePods")) << told() << running->said();
  EXPECT_EQ(state(), "Waiting");
  EXPECT_FALSE(is_raised());
  EXPECT_EQ(cluster_.slots_of(3), 0);
  give({"*", "pods/resize"});
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  expect_put_back(*running);
}

}  // namespace
}  // namespace rebalance
