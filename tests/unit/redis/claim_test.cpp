#include "redis/claim.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

using Phase = ClaimName::Phase;

ClaimName claim(const char* holder, std::int64_t since, Phase phase = Phase::kClaiming) {
  return {phase, holder, since, "aa"};
}

ClaimedClient client(ClaimName name, int idle, std::size_t node = 0, const char* id = "7") {
  return {node, id, std::move(name), idle};
}

bool goes_on(const ClaimName& own, const std::vector<ClaimedClient>& seen) {
  return std::holds_alternative<GoOn>(decide_claim(own, seen));
}

TEST(ClaimName, ReadsWhatItWrites) {
  const auto name = claim("ci-42", 1700000000, Phase::kHolding);
  EXPECT_EQ(name.text(), "redis-rebalance:holding:ci-42:1700000000:aa");
  const auto read = ClaimName::parse(name.text());
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->same_claim(name));
  EXPECT_EQ(read->phase, Phase::kHolding);
}

TEST(ClaimName, OtherClientsAreNoClaims) {
  for (const char* name : {"", "redis-rebalance-look", "redis-rebalance:", "redis-rebalance:holding:x",
                           "redis-rebalance:sleeping:x:1:aa", "redis-rebalance:holding:x:soon:aa"}) {
    EXPECT_FALSE(ClaimName::parse(name)) << name;
  }
}

TEST(ClaimedClients, AreFoundInAListOfClients) {
  const auto found =
      claimed_clients(3,
                      "id=4 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=9 name= age=9 idle=0 flags=N\n"
                      "id=5 addr=[::1]:1 fd=9 name=redis-rebalance:holding:ci:1700000000:bb age=99 idle=12 "
                      "flags=N user=default\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].node, 3U);
  EXPECT_EQ(found[0].id, "5");
  EXPECT_EQ(found[0].idle_seconds, 12);
  EXPECT_EQ(found[0].name.holder, "ci");
}

TEST(DecideClaim, AloneItGoesOn) {
  const auto own = claim("me", 100);
  EXPECT_TRUE(goes_on(own, {}));
  EXPECT_TRUE(goes_on(own, {client(own, 0)}));
}

TEST(DecideClaim, WaitsForALiveHolderWhoeverCameFirst) {
  for (const std::int64_t since : {50, 150}) {
    const auto decision =
        decide_claim(claim("me", 100), {client(claim("other", since, Phase::kHolding), 14)});
    ASSERT_TRUE(std::holds_alternative<HeldBy>(decision));
    EXPECT_EQ(std::get<HeldBy>(decision).name.holder, "other");
    EXPECT_NE(std::get<HeldBy>(decision).text().find("other"), std::string::npos);
  }
}

TEST(DecideClaim, OneLiveConnectionOnAnyNodeKeepsAClaimAlive) {
  const auto holder = claim("other", 50, Phase::kHolding);
  EXPECT_FALSE(goes_on(claim("me", 100), {client(holder, 900, 0), client(holder, 3, 1)}));
}

TEST(DecideClaim, TakesOverWhatIsSilentEverywhereWithAllItsConnections) {
  const auto holder = claim("other", 50, Phase::kHolding);
  const auto decision =
      decide_claim(claim("me", 100), {client(holder, 15, 0, "7"), client(holder, 99, 1, "8")});
  ASSERT_TRUE(std::holds_alternative<GoOn>(decision));
  EXPECT_EQ(std::get<GoOn>(decision).stale.size(), 2U);
}

TEST(DecideClaim, OfTwoWhoComeAtOnceTheSmallerGoesOn) {
  EXPECT_TRUE(goes_on(claim("me", 100), {client(claim("other", 101), 0)}));
  EXPECT_FALSE(goes_on(claim("me", 101), {client(claim("other", 100), 0)}));
  ClaimName larger = claim("other", 100);
  larger.random = "bb";
  EXPECT_TRUE(goes_on(claim("me", 100), {client(larger, 0)}));
  EXPECT_FALSE(goes_on(larger, {client(claim("me", 100), 0)}));
}

// Both renamed themselves before either looked again: exactly one may stay.
TEST(DecideClaim, OfTwoWhoBothHoldTheSmallerStays) {
  const auto first = claim("first", 100, Phase::kHolding);
  const auto second = claim("second", 101, Phase::kHolding);
  EXPECT_TRUE(goes_on(first, {client(second, 0), client(first, 0)}));
  EXPECT_FALSE(goes_on(second, {client(second, 0), client(first, 0)}));
}

// The smaller one listed before we renamed, so it may believe that we give up: we do.
TEST(DecideClaim, AHolderGivesWayToASmallerOneThatStillClaims) {
  EXPECT_FALSE(goes_on(claim("me", 101, Phase::kHolding), {client(claim("other", 100), 0)}));
}

}  // namespace
}  // namespace rebalance
