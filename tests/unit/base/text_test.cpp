#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace rebalance {
namespace {

TEST(WholeNumber, IsTheWholeText) {
  EXPECT_EQ(whole_number<int>("6379"), 6379);
  EXPECT_EQ(whole_number<int>("-1"), -1);
  for (const auto* text : {"", " 1", "1 ", "+1", "0x1", "1.5", "port"})
    EXPECT_EQ(whole_number<int>(text), std::nullopt) << text;
}

TEST(WholeNumber, FitsItsType) {
  EXPECT_EQ(whole_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(whole_number<std::uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(whole_number<std::uint16_t>("-1"), std::nullopt);
}

TEST(Cut, TakesWhatStandsBeforeTheSeparator) {
  std::string_view rest = "a:b";
  EXPECT_EQ(cut(rest, ':'), "a");
  EXPECT_EQ(cut(rest, ':'), "b");
  EXPECT_EQ(rest, "");
}

}  // namespace
}  // namespace rebalance
