// spec.windows on real servers, by the clock of this machine.
#include <chrono>
#include <csignal>

#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

// "HH:MM" in UTC, so many minutes from now.
std::string minutes_from_now(int minutes) {
  const auto then = std::time(nullptr) + minutes * 60;
  std::tm utc{};
  gmtime_r(&then, &utc);
  char text[8];
  std::strftime(text, sizeof text, "%H:%M", &utc);
  return text;
}

std::string window(int from, int to) {
  return "windows: [{days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], start: \"" + minutes_from_now(from) +
         "\", end: \"" + minutes_from_now(to) + "\"}]\n";
}

bool says(const Started& program, const std::string& words, rig::Milliseconds limit) {
  return rig::wait_until([&] { return program.said().find(words) != std::string::npos; }, limit);
}

TEST(Windows, OutsideThemNothingMovesAndTheNextOpeningIsTold) {
  const auto cluster = lopsided();
  Untouched untouched(*cluster);
  Work work(*cluster);
  work.aim("type: Balance", window(60, 120));
  const auto program = work.start();
  ASSERT_TRUE(says(*program,
                   "Waiting (Window): batches start only inside spec.windows: the next one opens at ",
                   rig::Milliseconds(30'000)))
      << program->said();
  EXPECT_THAT(program->said(), HasSubstr("T" + minutes_from_now(60).substr(0, 2) + ":"));
  program->process().signal(SIGINT);
  EXPECT_EQ(program->exit_code(rig::Milliseconds(10'000)), kStopped) << program->said();
  untouched.expect(program->said());
}

// A window that closes within a minute or two.
TEST(LongWindows, WhatMovesAsOneClosesStopsAndGoesOnInTheNext) {
  const auto cluster = lopsided({}, "r70", 20'000);
  const auto before = rig::digest(cluster->seed());
  rig::Writer writer(cluster->seed(), {.operations_per_second = 300});
  Work work(*cluster);
  const bool soon = std::time(nullptr) % 60 > 40;
  work.aim("type: Balance",
           window(-10, soon ? 2 : 1) + "batch: {maxBytesPerSecond: 40Ki}\nengine: KeyByKey\n");
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  ASSERT_TRUE(says(*first, "Waiting (Window)", rig::Milliseconds(110'000))) << first->said();
  EXPECT_FALSE(any_slot_open(*cluster));
  const auto moved = cluster->slots_of(3);
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, 3000);
  first->process().signal(SIGINT);
  EXPECT_EQ(first->exit_code(rig::Milliseconds(10'000)), kStopped) << first->said();

  work.amend(window(-10, 60));
  EXPECT_EQ(work.run().exit_code, kDone);
  EXPECT_GT(cluster->slots_of(3), 3000);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_without(cluster->seed(), "writer:"));
}

}  // namespace
}  // namespace rebalance
