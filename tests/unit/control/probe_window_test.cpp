#include "control/probe_window.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

using namespace std::chrono_literals;

TEST(ProbeWindow, HasNoPercentileBeforeTheFirstAnswer) {
  ProbeWindow window;
  window.failed();
  EXPECT_EQ(window.p99_millis(), 0);
  EXPECT_EQ(window.all(), 1);
  EXPECT_EQ(window.failures(), 1);
}

TEST(ProbeWindow, OneSlowAnswerOfTwoHundredIsNoPercentileThreeAre) {
  ProbeWindow window;
  for (int i = 0; i < 198; i++) window.answered(1ms);
  window.answered(90ms);
  window.answered(90ms);
  EXPECT_DOUBLE_EQ(window.p99_millis(), 1);
  window.answered(90ms);
  EXPECT_DOUBLE_EQ(window.p99_millis(), 90);
}

TEST(ProbeWindow, ForgetsWhatIsOld) {
  ProbeWindow window;
  for (int i = 0; i < 10; i++) window.answered(500ms);
  EXPECT_DOUBLE_EQ(window.p99_millis(), 500);
  for (std::size_t i = 0; i < ProbeWindow::kKept; i++) window.answered(2ms);
  EXPECT_DOUBLE_EQ(window.p99_millis(), 2);
  EXPECT_EQ(window.all(), 210);
}

}  // namespace
}  // namespace rebalance
