#include "base/quantity.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace rebalance {
namespace {

constexpr Bytes kMost = std::numeric_limits<Bytes>::max();

struct Row {
  const char* text;
  Bytes bytes;
};

// Values as resource.ParseQuantity(text).Value() of apimachinery 0.32 gives them.
constexpr Row kGood[] = {
    {"0", 0},
    {"007", 7},
    {"1.", 1},
    {".5", 1},
    {"1.G", 1000000000},
    {"E", 0},
    {".", 0},
    {"+", 0},
    {"1E", 1000000000000000000},
    {"1E3", 1000},
    {"1e3", 1000},
    {"1e+3", 1000},
    {"1e-3", 1},
    {"1e-400", 1},
    {"100m", 1},
    {"1001m", 2},
    {"1n", 1},
    {"0.0000000001", 1},
    {"+1", 1},
    {"-1", -1},
    {"-1.5", -2},
    {"-0", 0},
    {"118Mi", 123731968},
    {"1.5Gi", 1610612736},
    {"0.1Ki", 103},
    {"+.5Ki", 512},
    {"0.00000000000001Ki", 1},
    {"1k", 1000},
    {"2M", 2000000},
    {"3T", 3000000000000},
    {"4P", 4000000000000000},
    {"7Ei", 8070450532247928832},
    {"9223372036854775807", kMost},
};

TEST(Quantity, IsReadAsKubernetesReadsIt) {
  for (const auto& [text, bytes] : kGood) EXPECT_EQ(parse_quantity(text), bytes) << text;
}

TEST(Quantity, SaturatesWhereItDoesNotFit) {
  for (const char* text :
       {"8Ei", "9223372036854775808", "1e30", "1e99999999", "9223372036854775807.1", "99999E"}) {
    EXPECT_EQ(parse_quantity(text), kMost) << text;
  }
  EXPECT_EQ(parse_quantity("-1e30"), -kMost);
}

TEST(Quantity, RefusesWhatKubernetesRefusesAndQuotesIt) {
  for (const char* text : {"",      "1K",     "1B",   " 1",      "1 ",
                           "1 Gi",  "0x10",   "1e",   "--1",     "1e+-3",
                           "1E6Ki", "1e2.5",  "1i",   "1mi",     "1Kii",
                           "1.1.M", "1+1.0M", "aoeu", "-3.01e-", "1e99999999999999999999"}) {
    const auto bytes = parse_quantity(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code, ErrorCode::kInvalidInput);
    EXPECT_TRUE(bytes.error().message.starts_with('"' + std::string(text) + '"')) << bytes.error().message;
  }
}

TEST(Quantity, WritesTheShortestExactText) {
  EXPECT_EQ(quantity_text(0), "0");
  EXPECT_EQ(quantity_text(1000), "1000");
  EXPECT_EQ(quantity_text(kGiB), "1Gi");
  EXPECT_EQ(quantity_text(1536 * kMiB), "1536Mi");
  EXPECT_EQ(quantity_text(kGiB + 1), "1073741825");
}

RC_GTEST_PROP(Quantity, ReadsWhatItWrites, (Bytes bytes)) {
  RC_PRE(bytes != std::numeric_limits<Bytes>::min());
  RC_ASSERT(parse_quantity(quantity_text(bytes)).value() == bytes);
}

TEST(Quantity, IsShownToPeopleInAtMostFourDigits) {
  EXPECT_EQ(human_bytes(0), "0");
  EXPECT_EQ(human_bytes(1023), "1023");
  EXPECT_EQ(human_bytes(1024), "1.0Ki");
  EXPECT_EQ(human_bytes(116823245), "111.4Mi");
  EXPECT_EQ(human_bytes(1023 * kMiB), "1023Mi");
  EXPECT_EQ(human_bytes(kGiB - 1), "1.0Gi");
  EXPECT_EQ(human_bytes(-5 * kMiB), "-5.0Mi");
}

}  // namespace
}  // namespace rebalance
