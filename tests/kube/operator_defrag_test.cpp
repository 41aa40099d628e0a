// spec.activeDefrag beside a real API server: what was switched on is put back, whatever ends the work.
#include "kube/operator_rig.h"

namespace rebalance {
namespace {

class OperatorDefrag : public OperatorTest {
 protected:
  OperatorDefrag()
      : OperatorTest({.primaries = 2, .empty_primaries = 1}, 20'000, Rights::kAll,
                     rig::defragmenting_version().value_or(rig::version_named("r70"))) {}
  void SetUp() override {
    if (!rig::defragmenting_version())
      GTEST_SKIP() << "not run: no server that can defragment itself is there";
  }
  std::string defrag() const {
    return cluster_.command(0, {"CONFIG", "GET", "activedefrag"}).elements.at(1).text;
  }
  std::unique_ptr<Started> start_moving() {
    apply("type: Balance", std::string(kVerySlowly) + "activeDefrag: DuringMove\n");
    auto running = start();
    EXPECT_TRUE(wait_for_open_slot(cluster_)) << told() << running->said();
    EXPECT_EQ(defrag(), "yes") << running->said();
    return running;
  }
};

TEST_F(OperatorDefrag, IsPutBackByAPause) {
  const auto running = start_moving();
  api_.merge(path(), R"({"spec": {"execution": "Paused"}})");
  ASSERT_TRUE(reaches("Paused")) << told() << running->said();
  EXPECT_TRUE(rig::wait_until([&] { return defrag() == "no"; }, kSoon)) << running->said();
}

// The finalizer keeps the object until its slots are closed and the servers are as they were.
TEST_F(OperatorDefrag, IsPutBackBeforeAnObjectIsLetGoThatACrashLeft) {
  auto running = start_moving();
  running->process().kill_hard();
  api_.remove(path());
  EXPECT_TRUE(api_.exists(path()));
  EXPECT_EQ(defrag(), "yes");
  running = start();
  EXPECT_TRUE(rig::wait_until([&] { return !api_.exists(path()); }, kWork)) << told() << running->said();
  EXPECT_EQ(defrag(), "no") << running->said();
  expect_clean(cluster_);
}

}  // namespace
}  // namespace rebalance
