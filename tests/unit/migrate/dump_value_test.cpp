#include "migrate/dump_value.h"

#include <gtest/gtest.h>

#include <string>

namespace rebalance {
namespace {

using namespace std::string_literals;

// Type, value, version and CRC of a DUMP.
std::string dump(char type, const std::string& value, const std::string& footer = "\x0a\0crccrccr"s) {
  return type + value + footer;
}
std::string set_of(const std::string& members, char count = 3) { return dump(2, count + members); }
std::string hash_of(const std::string& fields) { return dump(4, "\2"s + fields); }

const auto kPlain = "\3abc"s;
const auto kNumber = "\xc1\x39\x30"s;                            // 12345
const auto kCompressed = "\xc3\x04\x40\x64\1aa\xe0"s;            // of 100 bytes
const auto kLong = "\x41\x00"s + std::string(256, 'x');          // its length in 14 bits
const auto kLonger = "\x80\0\1\0\0"s + std::string(65536, 'y');  // in 32

TEST(DumpValue, IsTheSameWhereItIsWrittenAlike) {
  EXPECT_TRUE(same_value(set_of(kPlain + kNumber + kLong), set_of(kPlain + kNumber + kLong)));
  EXPECT_TRUE(same_value(dump(0, kPlain), dump(0, kPlain, "\x0c\0another!"s))) << "of another version";
}

TEST(DumpValue, IsTheSameWhereMembersStandInAnotherOrder) {
  EXPECT_TRUE(same_value(set_of(kPlain + kNumber + kLong), set_of(kLong + kPlain + kNumber)));
  EXPECT_TRUE(same_value(set_of(kLonger + kCompressed + kPlain), set_of(kPlain + kCompressed + kLonger)));
  EXPECT_TRUE(same_value(hash_of("\1a\1x\1b\1y"), hash_of("\1b\1y\1a\1x")));
}

TEST(DumpValue, IsAnotherWhereAMemberIs) {
  EXPECT_FALSE(same_value(set_of("\1a\1b\1c"), set_of("\1a\1b\1d")));
  EXPECT_FALSE(same_value(set_of("\2ab\2cd", 2), set_of("\2ad\2cb", 2))) << "though of the same bytes";
  EXPECT_FALSE(same_value(hash_of("\1a\1x\1b\1y"), hash_of("\1a\1y\1b\1x"))) << "values have changed places";
  EXPECT_FALSE(same_value(set_of("\1a\1b\1c"), set_of("\1a\1b\2cc")));
  EXPECT_FALSE(same_value(set_of("\1a\1b\1c"), dump(4, "\3\1a\1b\1c")));
}

TEST(DumpValue, IsAnotherWhereOrderCountsOrNothingIsKnownOfIt) {
  EXPECT_FALSE(same_value(dump(1, "\2\1a\1b"), dump(1, "\2\1b\1a"))) << "a list";
  EXPECT_FALSE(same_value(set_of("\1a\xff\1b"), set_of("\1b\xff\1a"))) << "no such encoding";
  EXPECT_FALSE(same_value(set_of("\1a\1b\x05z"), set_of("\1b\1a\x05z"))) << "it ends too early";
  EXPECT_FALSE(same_value("short", "shirt"));
  EXPECT_FALSE(same_value("", "\2"));
}

}  // namespace
}  // namespace rebalance
