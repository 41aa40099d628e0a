// One executor at a time, whoever started it.
#include <csignal>

#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

TEST(TwoPrograms, OneWorksAndTheOtherWaitsAndSaysForWhom) {
  const auto cluster = lopsided();
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  const rig::TempFolder elsewhere;
  const auto second = work.run({"--state", elsewhere.path().string(), "--wait", "2"});
  EXPECT_EQ(second.exit_code, kRefused) << second.out;
  EXPECT_THAT(second.out, HasSubstr("another executor works on this cluster"));
  EXPECT_THAT(second.out, HasSubstr("." + std::to_string(first->process().pid()) + " since "));
  EXPECT_EQ(first->exit_code(), kDone) << first->said();
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

TEST(TwoPrograms, OneStateFolderServesOne) {
  const auto cluster = lopsided();
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  const auto second = work.run();
  EXPECT_EQ(second.exit_code, kRefused) << second.out;
  EXPECT_THAT(second.out, HasSubstr("in use by process " + std::to_string(first->process().pid())));
  EXPECT_EQ(first->exit_code(), kDone) << first->said();
}

// A process that sleeps does not know that its claim went to another one.
TEST(LongTwoPrograms, AStoppedOneWritesNothingAfterItsClaimWasTakenOver) {
  const auto cluster = lopsided();
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  first->process().signal(SIGSTOP);

  Work other(*cluster, kAtOnce + std::string(kAlone) + "observeSeconds: 120\n");
  other.aim("type: Repair");
  const auto second = other.start({"--wait", "60", "--observe"});
  ASSERT_TRUE(rig::wait_until([&] { return second->said().find("Observing") != std::string::npos; },
                              rig::Milliseconds(60'000)))
      << second->said();
  expect_clean(*cluster);

  Untouched untouched(*cluster);
  first->process().signal(SIGCONT);
  EXPECT_EQ(first->exit_code(), kFailed) << first->said();
  EXPECT_TRUE(second->process().running()) << second->said();
  untouched.expect(first->said());
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

}  // namespace
}  // namespace rebalance
