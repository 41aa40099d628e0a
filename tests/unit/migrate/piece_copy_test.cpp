#include "migrate/piece_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migrate/expiry.h"

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using Commands = std::vector<Command>;

Reply texts(const std::vector<std::string>& all) {
  std::vector<Reply> items;
  for (const auto& text : all) items.push_back(Reply::string(text));
  return Reply::array(items);
}
Reply scanned(const std::string& cursor, const std::vector<std::string>& all) {
  return Reply::array({Reply::string(cursor), texts(all)});
}
const Reply kNever = Reply::number(kNoSuchKey + 1);
const Reply kNoFieldExpires = Reply::string("# Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0,subexpiry=0\r\n");
const Reply kSomeFieldExpires = Reply::string("# Keyspace\r\ndb0:keys=5,expires=1,avg_ttl=0,subexpiry=3\r\n");

struct Copied {
  explicit Copied(Kind kind, bool replaces = false, bool exact = true)
      : copy("k", kind, exact, replaces, 64) {}
  Commands ask() {
    Commands asked;
    copy.ask(pace, asked);
    return asked;
  }
  Commands write(const std::vector<Reply>& replies) {
    ask();
    EXPECT_TRUE(copy.take(replies, 0));
    return copy.write();
  }
  Pace pace;
  PieceCopy copy;
};

TEST(PieceCopy, KnowsTheTypesThatCanBeTakenApart) {
  EXPECT_EQ(kind_of("string"), Kind::kString);
  EXPECT_EQ(kind_of("hash"), Kind::kHash);
  EXPECT_EQ(kind_of("set"), Kind::kSet);
  EXPECT_EQ(kind_of("zset"), Kind::kSortedSet);
  EXPECT_EQ(kind_of("list"), Kind::kList);
  for (const auto* other : {"stream", "none", "ReJSON-RL"}) EXPECT_FALSE(kind_of(other));
}

TEST(PieceCopy, ASetGoesFromCursorToCursorAndItsExpiryLast) {
  Copied set(Kind::kSet);
  EXPECT_THAT(set.ask(), ElementsAre(Command{"PEXPIRETIME", "k"}, Command{"SCARD", "k"},
                                     Command{"SSCAN", "k", "0", "COUNT", "64"}));
  EXPECT_THAT(set.write({Reply::number(1234), Reply::number(3), scanned("17", {"a", "b"})}),
              ElementsAre(Command{"ASKING"}, Command{"SADD", "k", "a", "b"}));
  EXPECT_FALSE(set.copy.read());
  EXPECT_THAT(set.ask(), ElementsAre(Command{"SSCAN", "k", "17", "COUNT", "256"}));
  EXPECT_THAT(set.write({scanned("0", {"c"})}),
              ElementsAre(Command{"ASKING"}, Command{"SADD", "k", "c"}, Command{"ASKING"},
                          Command{"PEXPIREAT", "k", "1234"}, Command{"ASKING"}, Command{"SCARD", "k"}));
  EXPECT_TRUE(set.copy.read());
  EXPECT_EQ(set.copy.held(), 3);
  EXPECT_TRUE(set.ask().empty());
}

TEST(PieceCopy, WhatIsThereOfItGoesFirst) {
  Copied set(Kind::kSet, true);
  EXPECT_THAT(set.write({kNever, Reply::number(1), scanned("5", {})}),
              ElementsAre(Command{"ASKING"}, Command{"UNLINK", "k"}));
  EXPECT_THAT(set.write({scanned("0", {"a"})}), ElementsAre(Command{"ASKING"}, Command{"SADD", "k", "a"},
                                                            Command{"ASKING"}, Command{"SCARD", "k"}));
}

TEST(PieceCopy, AKeyThatIsGoneOnlyDeletesItsCopy) {
  Copied list(Kind::kList, true);
  EXPECT_THAT(list.write({Reply::number(kNoSuchKey), Reply::number(0), texts({"came since"})}),
              ElementsAre(Command{"ASKING"}, Command{"UNLINK", "k"}));
  EXPECT_TRUE(list.copy.read());
  EXPECT_FALSE(list.copy.found());
}

TEST(PieceCopy, ASortedSetHasItsScoresFirst) {
  Copied sorted(Kind::kSortedSet);
  const auto written =
      sorted.write({kNever, Reply::number(2), scanned("0", {"a", "0.10000000000000001", "b", "-inf"})});
  EXPECT_EQ(written[1], (Command{"ZADD", "k", "0.10000000000000001", "a", "-inf", "b"}));
}

TEST(PieceCopy, AListGoesByRangesUntilOneIsShort) {
  Copied list(Kind::kList);
  const std::vector<std::string> full(64, "element");
  EXPECT_EQ(list.ask().back(), (Command{"LRANGE", "k", "0", "63"}));
  EXPECT_EQ(list.write({kNever, Reply::number(64), texts(full)})[1].size(), 66u);
  EXPECT_FALSE(list.copy.read());
  EXPECT_EQ(list.ask().back(), (Command{"LRANGE", "k", "64", "319"}));
  EXPECT_THAT(list.write({texts({})}), ElementsAre(Command{"ASKING"}, Command{"LLEN", "k"}));
}

TEST(PieceCopy, AStringGoesByBytesAndAnEmptyOneIsOneToo) {
  Copied text(Kind::kString), empty(Kind::kString);
  const auto bytes = text.pace.piece_bytes();
  EXPECT_EQ(text.ask().back(), (Command{"GETRANGE", "k", "0", std::to_string(bytes - 1)}));
  text.write({kNever, Reply::number(bytes + 1), Reply::string(std::string(static_cast<size_t>(bytes), 'x'))});
  EXPECT_EQ(text.write({Reply::string("y")})[1], (Command{"APPEND", "k", "y"}));
  EXPECT_TRUE(text.copy.read());
  EXPECT_EQ(empty.write({kNever, Reply::number(0), Reply::string("")})[1], (Command{"APPEND", "k", ""}));
}

TEST(PieceCopy, LargeElementsMakeTheNextPieceSmall) {
  Copied set(Kind::kSet);
  set.write({kNever, Reply::number(9), scanned("3", std::vector<std::string>(4, std::string(100'000, 'x')))});
  EXPECT_EQ(set.ask().back(), (Command{"SSCAN", "k", "3", "COUNT", "1"}));
}

TEST(PieceCopy, FieldsOfAHashKeepTheInstantsAtWhichTheyExpire) {
  Copied hash(Kind::kHash);
  EXPECT_TRUE(hash.write({kNever, Reply::number(4), kSomeFieldExpires,
                          scanned("9", {"f", "1", "g", "2", "gone", "3", "h", "4"})})
                  .empty());
  const auto asked = hash.ask();
  EXPECT_EQ(asked[0], (Command{"HPEXPIRETIME", "k", "FIELDS", "4", "f", "g", "gone", "h"}));
  EXPECT_EQ(asked[1][2], "9");
  const auto instants =
      Reply::array({Reply::number(777), Reply::number(-1), Reply::number(-2), Reply::number(777)});
  EXPECT_THAT(hash.write({instants, scanned("0", {"i", "5"})}),
              ElementsAre(Command{"ASKING"}, Command{"HSET", "k", "f", "1", "g", "2", "h", "4"},
                          Command{"ASKING"}, Command{"HPEXPIREAT", "k", "777", "FIELDS", "2", "f", "h"}));
  EXPECT_FALSE(hash.copy.read());
  EXPECT_EQ(hash.ask().size(), 1u);
  EXPECT_THAT(hash.write({Reply::array({Reply::number(-1)})}),
              ElementsAre(Command{"ASKING"}, Command{"HSET", "k", "i", "5"}, Command{"ASKING"},
                          Command{"HLEN", "k"}));
}

TEST(PieceCopy, WhereNoFieldExpiresNoneIsAskedFor) {
  Copied hash(Kind::kHash);
  EXPECT_EQ(hash.write({kNever, Reply::number(1), kNoFieldExpires, scanned("4", {"f", "1"})})[1],
            (Command{"HSET", "k", "f", "1"}));
  EXPECT_EQ(hash.ask().size(), 1u);
}

TEST(PieceCopy, ServersWithoutPexpiretimeTellTheInstantByTwoAnswers) {
  Copied set(Kind::kSet, false, false);
  EXPECT_EQ(set.ask()[1], (Command{"TIME"}));
  const auto time = Reply::array({Reply::string("1000"), Reply::string("5000")});
  const auto written = set.write({Reply::number(500), time, Reply::number(1), scanned("0", {"a"})});
  EXPECT_EQ(written[3], (Command{"PEXPIREAT", "k", "1000505"}));
}

TEST(PieceCopy, ARefusalIsTold) {
  Copied set(Kind::kSet);
  set.ask();
  const auto taken = set.copy.take({kNever, Reply::number(1), Reply::error("WRONGTYPE Operation")}, 0);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message, "WRONGTYPE Operation");
}

}  // namespace
}  // namespace rebalance
