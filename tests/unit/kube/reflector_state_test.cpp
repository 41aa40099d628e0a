#include "kube/reflector_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using ::testing::HasSubstr;
using Kind = ReflectorState::Ask::Kind;

const Instant kStart{std::chrono::hours(1)};
constexpr Millis kLong{60'000};

ApiError problem(int status, const std::string& reason, ErrorCode code = ErrorCode::kUnavailable,
                 const std::string& message = "") {
  return {.status = status, .reason = reason, .message = message, .code = code};
}
const auto kExpired = problem(410, "Expired");

// A reflector that has listed version 100 and watches.
ReflectorState watching(ReflectorRules rules = {}) {
  ReflectorState state(rules);
  state.next(0);
  state.listed("100", "");
  state.next(0);
  state.watch_began(kStart);
  return state;
}

TEST(ReflectorState, TheFirstListComesFromTheServersCache) {
  ReflectorState state({});
  const auto ask = state.next(0);
  EXPECT_EQ(ask.kind, Kind::kList);
  EXPECT_EQ(ask.query, "limit=500&resourceVersion=0");
  EXPECT_TRUE(ask.first_page);
  EXPECT_EQ(ask.after, Millis(0));
}

TEST(ReflectorState, KindsWithThousandsOfObjectsAreListedInPagesFromTheStart) {
  ReflectorState state({.lists_from_cache = false});
  EXPECT_EQ(state.next(0).query, "limit=500");
}

TEST(ReflectorState, PagesFollowTheTokenAndTheFirstOnesVersionCounts) {
  ReflectorState state({});
  state.next(0);
  EXPECT_FALSE(state.listed("100", "a/b="));
  const auto second = state.next(0);
  EXPECT_EQ(second.query, "limit=500&continue=" + url_encoded("a/b="));
  EXPECT_FALSE(second.first_page);
  EXPECT_TRUE(state.listed("105", ""));
  EXPECT_THAT(state.next(0).query, HasSubstr("resourceVersion=100&"));
}

TEST(ReflectorState, AWatchAsksForBookmarksAndARandomEnd) {
  for (const auto& [dice, seconds] : {std::pair{0.0, "300"}, {0.5, "450"}, {0.9999, "600"}}) {
    ReflectorState state({});
    state.listed("100", "");
    const auto ask = state.next(dice);
    EXPECT_EQ(ask.kind, Kind::kWatch);
    EXPECT_EQ(ask.query,
              std::string("watch=1&allowWatchBookmarks=true&resourceVersion=100&timeoutSeconds=") + seconds);
  }
}

TEST(ReflectorState, EachEventMovesTheVersionFromWhichTheNextWatchGoesOn) {
  auto state = watching();
  state.saw("101");
  state.saw("");  // an event without one changes nothing
  state.watch_ended(std::nullopt, kStart + kLong, 0);
  const auto ask = state.next(0);
  EXPECT_EQ(ask.kind, Kind::kWatch);
  EXPECT_EQ(ask.after, Millis(0));
  EXPECT_THAT(ask.query, HasSubstr("resourceVersion=101&"));
}

TEST(ReflectorState, AContinueTokenThatExpiredLeadsToOneFullList) {
  ReflectorState state({});
  state.listed("100", "token");
  state.list_failed(kExpired, kStart, 0);
  const auto ask = state.next(0);
  EXPECT_EQ(ask.query, "");
  EXPECT_TRUE(ask.first_page);
  EXPECT_EQ(ask.after, Millis(0));
  EXPECT_TRUE(state.listed("120", ""));
}

TEST(ReflectorState, AVersionOfNoUseToAListLeadsToTheNewestAtOnce) {
  for (const auto& failure :
       {kExpired, problem(410, "Gone"),
        problem(504, "Timeout", ErrorCode::kTimeout, "Too large resource version: 9, current: 3")}) {
    auto state = watching();
    state.watch_ended(kExpired, kStart + kLong, 0);
    EXPECT_EQ(state.next(0).query, "resourceVersion=100");
    state.list_failed(failure, kStart + kLong, 0);
    const auto ask = state.next(0);
    EXPECT_EQ(ask.query, "limit=500") << failure.reason;
    EXPECT_EQ(ask.after, Millis(0));
    state.list_failed(failure, kStart + kLong, 0);  // again: no hot loop
    EXPECT_GT(state.next(0).after, Millis(0));
  }
}

TEST(ReflectorState, AVersionFromTheFutureIsKnownByItsCause) {
  auto state = watching();
  state.watch_ended(kExpired, kStart + kLong, 0);
  auto future = problem(504, "Timeout", ErrorCode::kTimeout);
  future.cause = "ResourceVersionTooLarge";
  state.list_failed(future, kStart + kLong, 0);
  EXPECT_EQ(state.next(0).query, "limit=500");
}

TEST(ReflectorState, AnAnswerThatIsTooLargeIsAskedForInPages) {
  ReflectorState state({});
  state.next(0);
  state.list_failed(problem(0, "", ErrorCode::kInvalidInput), kStart, 0);
  const auto ask = state.next(0);
  EXPECT_EQ(ask.query, "limit=500");
  EXPECT_GE(ask.after, Millis(800));
}

TEST(ReflectorState, AFailedPageStartsTheListAnew) {
  ReflectorState state({});
  state.listed("100", "token");
  state.list_failed(problem(500, "InternalError"), kStart, 0);
  const auto ask = state.next(0);
  EXPECT_TRUE(ask.first_page);
  EXPECT_EQ(ask.query, "limit=500&resourceVersion=0");
}

TEST(ReflectorState, AnExpiredWatchIsFollowedByAListInAllForms) {
  for (const auto& failure :
       {problem(410, "Expired"), problem(410, "Gone"), problem(410, ""), problem(0, "Expired")}) {
    auto state = watching();
    state.saw("107");
    state.watch_ended(failure, kStart + kLong, 0);
    const auto ask = state.next(0);
    EXPECT_EQ(ask.kind, Kind::kList);
    EXPECT_EQ(ask.query, "resourceVersion=107");
    EXPECT_TRUE(ask.first_page);
  }
}

TEST(ReflectorState, ABusyOrMissingServerIsAskedForTheSameWatchAgainAfterAWhile) {
  for (const auto& failure : {problem(429, "TooManyRequests"), problem(0, "", ErrorCode::kUnavailable),
                              problem(0, "", ErrorCode::kTimeout)}) {
    auto state = watching();
    state.watch_ended(failure, kStart + Millis(10), 0);
    const auto ask = state.next(0);
    EXPECT_EQ(ask.kind, Kind::kWatch);
    EXPECT_EQ(ask.after, Millis(800));
    EXPECT_THAT(ask.query, HasSubstr("resourceVersion=100&"));
  }
}

TEST(ReflectorState, ASilentWatchIsBegunAgainAtOnceAndIsNoFailure) {
  auto state = watching();
  state.watch_ended(problem(0, "", ErrorCode::kTimeout), kStart + ReflectorRules{}.idle, 0);
  const auto ask = state.next(0);
  EXPECT_EQ(ask.kind, Kind::kWatch);
  EXPECT_EQ(ask.after, Millis(0));
}

TEST(ReflectorState, AWatchThatEndsAtOnceWithoutAnEventFailed) {
  auto state = watching();
  state.watch_ended(std::nullopt, kStart + Millis(999), 0);
  const auto ask = state.next(0);
  EXPECT_EQ(ask.kind, Kind::kList);
  EXPECT_EQ(ask.after, Millis(800));
}

TEST(ReflectorState, AWatchThatEndsAtOnceAfterAnEventIsFine) {
  auto state = watching();
  state.saw("101");
  state.watch_ended(std::nullopt, kStart + Millis(10), 0);
  EXPECT_EQ(state.next(0).after, Millis(0));
}

TEST(ReflectorState, InternalErrorsRepeatTheWatchThreeTimesThenAListIsNeeded) {
  auto state = watching();
  for (int i = 0; i < 3; ++i) {
    state.watch_ended(problem(500, "InternalError"), kStart + kLong, 0);
    EXPECT_EQ(state.next(0).kind, Kind::kWatch) << i;
  }
  state.watch_ended(problem(500, "InternalError"), kStart + kLong, 0);
  EXPECT_EQ(state.next(0).kind, Kind::kList);
}

TEST(ReflectorState, WhatIsForbiddenOrNoMoreThereIsListedAgainLaterAndLater) {
  for (const auto& failure : {problem(403, "Forbidden"), problem(404, "NotFound")}) {
    auto state = watching();
    state.watch_ended(failure, kStart + kLong, 0);
    EXPECT_EQ(state.next(0).after, Millis(800));
    Millis last{800};
    for (int i = 0; i < 8; ++i) {
      state.list_failed(failure, kStart + kLong, 0);
      const auto ask = state.next(0);
      EXPECT_EQ(ask.kind, Kind::kList);
      EXPECT_EQ(ask.after, std::min(last * 2, Millis(30'000)));
      last = ask.after;
    }
  }
}

TEST(ReflectorState, ChanceAddsUpToAsMuchAgain) {
  auto state = watching();
  state.watch_ended(problem(403, "Forbidden"), kStart, 0.5);
  EXPECT_EQ(state.next(0).after, Millis(1200));
}

TEST(ReflectorState, TwoMinutesWithoutAFailureStartTheBackOffAnew) {
  auto state = watching();
  auto now = kStart;
  for (int i = 0; i < 5; ++i) state.watch_ended(problem(429, ""), now, 0);
  EXPECT_EQ(state.next(0).after, Millis(12'800));
  now += Millis(120'000);
  state.watch_ended(problem(429, ""), now, 0);
  EXPECT_EQ(state.next(0).after, Millis(25'600));
  now += Millis(120'001);
  state.watch_ended(problem(429, ""), now, 0);
  EXPECT_EQ(state.next(0).after, Millis(800));
}

}  // namespace
}  // namespace rebalance
