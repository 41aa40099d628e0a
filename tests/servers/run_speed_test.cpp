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

}  // namespace
}  // namespace rebalance
