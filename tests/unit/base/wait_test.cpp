#include "base/wait.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(WaitFor, SaysThatTheTimeHasPassed) {
  EXPECT_TRUE(wait_for({}, Millis(0)));
  const auto start = BootClock::now();
  EXPECT_TRUE(wait_for({}, Millis(5)));
  EXPECT_GE(BootClock::now() - start, Millis(5));
}

TEST(WaitFor, IsEndedByAStop) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(wait_for(stop.get_token(), Millis(600'000)));
}

}  // namespace
}  // namespace rebalance
