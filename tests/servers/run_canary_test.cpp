// The canary on real servers: the first slots are watched before the rest goes.
#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

bool watches(const Started& program) {
  return rig::wait_until([&] { return program.said().find("Canary (WatchingCanary)") != std::string::npos; },
                         rig::Milliseconds(60'000));
}

class Canary : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Run, Canary, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Canary, MovesTheFirstSlotsAloneThenTheRest) {
  const auto cluster = lopsided({}, GetParam().name);
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Balance", "canary: {slots: 50, observeSeconds: 5, maxLatencyIncreasePercent: 10000}\n");
  const auto program = work.start();
  ASSERT_TRUE(watches(*program)) << program->said();
  EXPECT_EQ(cluster->slots_of(3), 50);
  EXPECT_FALSE(any_slot_open(*cluster));
  EXPECT_EQ(program->exit_code(), kDone) << program->said();
  EXPECT_GT(cluster->slots_of(3), 3000);
  work.expect_nothing_left();
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

// A server restarts while the first slots are watched: the rest stays, and what has moved can be taken back.
TEST(CanaryThatFails, MovesNothingMoreAndCanBeTakenBack) {
  rig::ClusterOptions options;
  options.server.aof = true;
  options.server.config = {"appendfsync always"};
  const auto cluster = lopsided(options);
  const auto owners = cluster->owners();
  Work work(*cluster);
  work.aim("type: Balance", "canary: {slots: 50, observeSeconds: 120, maxLatencyIncreasePercent: 10000}\n");
  const auto program = work.start();
  ASSERT_TRUE(watches(*program)) << program->said();
  cluster->node(1).kill_hard();
  cluster->node(1).restart();
  EXPECT_EQ(program->exit_code(), kFailed) << program->said();
  EXPECT_THAT(program->said(), HasSubstr("redis-1 restarted"));
  EXPECT_EQ(cluster->slots_of(3), 50);
  ASSERT_NO_THROW(cluster->wait_until_agreed());

  work.amend("execution: RollBack\n");
  const auto back = work.run();
  EXPECT_EQ(back.exit_code, kDone) << back.out;
  EXPECT_EQ(cluster->owners(), owners);
  expect_clean(*cluster);
}

}  // namespace
}  // namespace rebalance
