// `run` with execution: RollBack: from the middle of a move, with each kind of engine, everything goes home.
#include <csignal>

#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class GoHome : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(RollBack, GoHome, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

// Small batches with pauses between them, so that it is met in the middle whatever the engine.
constexpr const char* kInSteps = "batch: {maxSlots: 150, pauseSeconds: 1}\n";

TEST_P(GoHome, AfterAKillInTheMiddle) {
  const auto cluster = lopsided({}, GetParam().name);
  const auto before = rig::digest(cluster->seed());
  const auto owners = cluster->owners();
  rig::Writer writer(cluster->seed(), {.operations_per_second = 300});
  Work work(*cluster);
  work.aim("type: Balance", kInSteps);
  const auto first = work.start();
  ASSERT_TRUE(rig::wait_until([&] { return slots_claimed_by(*cluster, 3) > 500; }, rig::Milliseconds(60'000)))
      << first->said();
  first->process().kill_hard();
  ASSERT_GT(slots_claimed_by(*cluster, 3), 500u);

  work.amend("execution: RollBack\n");
  const auto back = work.run();
  EXPECT_EQ(back.exit_code, kDone) << back.out;
  EXPECT_THAT(back.out, HasSubstr("RolledBack (RolledBack): every slot is where it was at "));
  EXPECT_EQ(cluster->owners(), owners);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_without(cluster->seed(), "writer:"));

  const auto again = work.run();
  EXPECT_EQ(again.exit_code, kDone) << again.out;
  EXPECT_EQ(cluster->owners(), owners);
}

// A rollback that was stopped goes on, whatever the next run is asked for.
TEST(RollBack, ThatWasStoppedGoesOn) {
  const auto cluster = lopsided();
  const auto owners = cluster->owners();
  Work work(*cluster);
  work.aim(move_of("0-999", "redis-3"));
  ASSERT_EQ(work.run().exit_code, kDone);
  work.amend(std::string("execution: RollBack\n") + kSlowly);
  const auto stopped = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << stopped->said();
  stopped->process().signal(SIGINT);
  EXPECT_EQ(stopped->exit_code(rig::Milliseconds(15'000)), kStopped) << stopped->said();
  EXPECT_GT(slots_claimed_by(*cluster, 3), 0u);
  work.amend("");
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("going on with the rollback"));
  EXPECT_EQ(cluster->owners(), owners);
  expect_clean(*cluster);
}

// Its home has become too small: it says by how much, and moves nothing.
TEST(RollBack, ThatDoesNotFitAnyMoreSaysSoInNumbers) {
  const auto cluster = lopsided();
  Work work(*cluster);
  work.aim(move_of("0-999", "redis-3"));
  ASSERT_EQ(work.run().exit_code, kDone);
  const auto owners = cluster->owners();
  work.amend("execution: RollBack\n", 10LL << 20);
  const auto held = work.run();
  EXPECT_EQ(held.exit_code, kFailed) << held.out;
  EXPECT_THAT(held.out, testing::ContainsRegex("cannot roll back: redis-. \\(limit 10.0Mi\\)"));
  EXPECT_THAT(held.out, HasSubstr("Enough would be: "));
  EXPECT_EQ(cluster->owners(), owners);
  expect_clean(*cluster);
}

}  // namespace
}  // namespace rebalance
