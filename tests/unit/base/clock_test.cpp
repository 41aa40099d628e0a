#include "base/clock.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(Clock, ReadsTheTimesThatItWrites) {
  const auto time = std::chrono::sys_days(std::chrono::year(2026) / 2 / 28) + std::chrono::hours(23);
  EXPECT_EQ(rfc3339(time), "2026-02-28T23:00:00Z");
  EXPECT_EQ(parse_rfc3339("2026-02-28T23:00:00Z"), time);
}

TEST(Clock, TakesNothingElseForATime) {
  for (const char* text : {"", "2026-02-28", "2026-02-28T23:00:00", "2026-02-28T23:00:00Z ", "yesterday"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

}  // namespace
}  // namespace rebalance
