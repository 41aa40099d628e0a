// What happens after the last slot of a Drain, as the API server shows it: no pod is called safe to remove
// while something is worse than before, nor one that is still needed.
#include "kube/operator_rig.h"
#include "servers/busy.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class OperatorObserving : public OperatorTest {
 protected:
  OperatorObserving() : OperatorTest(with_debug_and_an_empty_one(), 3000) {}

  static rig::ClusterOptions with_debug_and_an_empty_one() {
    auto options = with_debug();
    options.primaries = 3;
    options.empty_primaries = 1;
    return options;
  }
  void drain(const std::string& pod, int observe_seconds) {
    rig::apply_rebalance(api_, cluster_,
                         {.name = "rebalance",
                          .name_space = space_,
                          .goal = drain_of(pod),
                          .spec = "approval: {mode: Automatic}\ncanary: {slots: 0}\nsafety: {replicas: "
                                  "Ignore, persistence: Ignore, "
                                  "maxLatencyMillis: 800}\nobserveSeconds: " +
                                  std::to_string(observe_seconds) + "\n"});
  }
  bool safe(const std::string& status, const std::string& reason, rig::Milliseconds limit = kWork) const {
    return rig::wait_until(
        [&] {
          return condition("SafeToDecommission", "status") == status &&
                 condition("SafeToDecommission", "reason") == reason;
        },
        limit);
  }
};

TEST_F(OperatorObserving, WhileAServerAnswersLateNoPodIsSafeToRemoveAndAfterwardsItIs) {
  const auto running = start();
  drain("redis-0", 30);
  ASSERT_TRUE(reaches("Observing")) << told() << running->said();
  EXPECT_TRUE(safe("False", "NotDrained")) << told();
  {
    const Busy busy(cluster_.node(3), 1000);
    EXPECT_TRUE(safe("False", "ProbesSlower")) << told() << running->said();
    EXPECT_THAT(condition("SafeToDecommission", "message").value_or(""),
                HasSubstr("redis-3 answers probes in "));
    EXPECT_THAT(events(), HasSubstr("WorseThanBefore"));
  }
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_TRUE(safe("True", "Drained", kSoon)) << told();
  EXPECT_THAT(condition("SafeToDecommission", "message").value_or(""), HasSubstr("redis-0"));
}

TEST_F(OperatorObserving, WhatIsSafeToRemoveIsStillSaidByTheNextOperator) {
  auto running = start();
  drain("redis-0", 0);
  ASSERT_TRUE(reaches("Succeeded")) << told() << running->said();
  EXPECT_TRUE(safe("True", "Drained", kSoon)) << told();
  running.reset();
  api_.merge(path(), R"({"metadata": {"labels": {"touched": "yes"}}})");
  running = start();
  rig::nap(rig::Milliseconds(3000));
  EXPECT_TRUE(safe("True", "Drained", kSoon)) << told();
}

}  // namespace
}  // namespace rebalance
