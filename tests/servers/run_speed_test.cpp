// How fast slots move follows what our own probes of the servers say.
#include "servers/busy.h"
#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

TEST(OwnProbes, SlowAMoveDownWhileAServerAnswersLateAndSpeedItUpAfterwards) {
  const auto cluster = lopsided(with_debug());
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Balance", "engine: KeyByKey\nbatch: {maxBytesPerSecond: 25Ki}\n");
  const auto run = work.start();
  const auto says = [&](const char* what) {
    return rig::wait_until([&] { return run->said().find(what) != std::string::npos; },
                           rig::Milliseconds(40'000));
  };
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << run->said();
  {
    const Busy busy(cluster->node(cluster->primaries() - 1));
    EXPECT_TRUE(says("SlowedDown")) << run->said();
    EXPECT_THAT(run->said(), testing::HasSubstr("safety.maxLatencyMillis is 50"));
  }
  EXPECT_TRUE(says("SpedUp")) << run->said();
  EXPECT_EQ(run->exit_code(), kDone) << run->said();
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

// A replica that is behind is no pod that answers late: what it is sent waits at its primary.
TEST(ReplicaLag, SlowsAMoveDownUntilTheReplicaHasCaughtUp) {
  auto options = with_debug();
  options.replicas = 1;
  const auto cluster = lopsided(options);
  rig::Writer writer(cluster->seed(), {.operations_per_second = 300, .keys = 100, .value_bytes = 50'000});
  Work work(*cluster, std::string(kAtOnce) +
                          "safety: {replicas: Ignore, persistence: Ignore, maxLatencyMillis: 2000, "
                          "maxReplicaLagBytes: 2Mi}\n");
  work.aim("type: Balance", "engine: KeyByKey\nbatch: {maxBytesPerSecond: 100Ki}\n");
  const auto run = work.start();
  const auto says = [&](const char* what) {
    return rig::wait_until([&] { return run->said().find(what) != std::string::npos; },
                           rig::Milliseconds(40'000));
  };
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << run->said();
  {
    const Busy busy(cluster->node(cluster->primaries()), 300);  // the first replica of the first primary
    EXPECT_TRUE(says("SlowedDown")) << run->said();
    EXPECT_THAT(run->said(),
                testing::ContainsRegex("behind its primary .safety.maxReplicaLagBytes is 2.0Mi"));
  }
  EXPECT_TRUE(says("SpedUp")) << run->said();
  EXPECT_EQ(run->exit_code(), kDone) << run->said();
  expect_clean(*cluster);
  expect_nothing_lost(writer);
}

}  // namespace
}  // namespace rebalance
