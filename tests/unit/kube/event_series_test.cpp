#include "kube/event_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Instant kStart{std::chrono::hours(1)};
const auto kWall = std::chrono::system_clock::from_time_t(1785578400);

EventNote note(const std::string& reason = "BatchFailed", const std::string& text = "why") {
  return {true,
          reason,
          "MoveSlots",
          text,
          {"redisrebalance.io/v1alpha1", "RedisRebalance", "shop", "spread", "u1"}};
}

class EventSeriesTest : public testing::Test {
 protected:
  std::optional<EventWrite> add(Instant now, const EventNote& what = note()) {
    return series.add(what, now, kWall + (now - kStart));
  }
  EventSeries series{"redis-rebalance", "pod-1"};
};

TEST_F(EventSeriesTest, TheFirstIsAWholeEvent) {
  const auto write = add(kStart);
  ASSERT_TRUE(write);
  EXPECT_EQ(write->kind, EventWrite::Kind::kCreate);
  EXPECT_EQ(write->name_space, "shop");
  const auto event = json::parse(write->body);
  EXPECT_EQ(event["apiVersion"], "events.k8s.io/v1");
  EXPECT_EQ(event["metadata"]["name"], "spread.18c7a6182a9c4000");
  EXPECT_EQ(event["eventTime"], "2026-08-01T10:00:00.000000Z");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "BatchFailed");
  EXPECT_EQ(event["action"], "MoveSlots");
  EXPECT_EQ(event["note"], "why");
  EXPECT_EQ(event["regarding"]["uid"], "u1");
  EXPECT_EQ(event["reportingController"], "redis-rebalance");
  EXPECT_EQ(event["reportingInstance"], "pod-1");
  EXPECT_FALSE(event.contains("series"));
}

TEST_F(EventSeriesTest, TheSecondMakesItASeriesAndLaterOnesAreOnlyCounted) {
  const auto first = add(kStart);
  const auto second = add(kStart + minutes(1));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->kind, EventWrite::Kind::kPatch);
  EXPECT_EQ(second->name, first->name);
  EXPECT_EQ(json::parse(second->body),
            json::parse(R"({"series":{"count":2,"lastObservedTime":"2026-08-01T10:01:00.000000Z"}})"));
  EXPECT_EQ(json::parse(second->whole)["series"]["count"], 2);
  EXPECT_FALSE(add(kStart + minutes(2)));
  EXPECT_FALSE(add(kStart + minutes(3), note("BatchFailed", "another text is the same event")));
}

TEST_F(EventSeriesTest, AnotherReasonOrObjectIsAnotherEvent) {
  add(kStart);
  EXPECT_EQ(add(kStart, note("Stalled"))->kind, EventWrite::Kind::kCreate);
  auto namesake = note();
  namesake.regarding.uid = "u2";
  EXPECT_EQ(add(kStart, namesake)->kind, EventWrite::Kind::kCreate);
}

TEST_F(EventSeriesTest, ASeriesThatGoesOnIsSentAgainEachHalfHour) {
  for (int minute = 0; minute < 30; minute += 5) {
    add(kStart + minutes(minute));
    EXPECT_THAT(series.due(kStart + minutes(minute)), IsEmpty());
  }
  add(kStart + minutes(35));
  const auto writes = series.due(kStart + minutes(35));
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_EQ(json::parse(writes[0].body)["series"]["count"], 7);
  EXPECT_THAT(series.due(kStart + minutes(36)), IsEmpty());
}

TEST_F(EventSeriesTest, ASeriesEndsSixMinutesAfterItsLastAndSaysItsCount) {
  for (int i = 0; i < 3; ++i) add(kStart);
  EXPECT_THAT(series.due(kStart + minutes(5)), IsEmpty());
  const auto writes = series.due(kStart + minutes(6));
  ASSERT_THAT(writes, SizeIs(1));
  EXPECT_EQ(json::parse(writes[0].body)["series"]["count"], 3);
  EXPECT_EQ(add(kStart + minutes(7))->kind, EventWrite::Kind::kCreate);
}

TEST_F(EventSeriesTest, ASingleEventEndsWithoutAWord) {
  add(kStart);
  EXPECT_THAT(series.due(kStart + minutes(6)), IsEmpty());
  EXPECT_EQ(add(kStart + minutes(6))->kind, EventWrite::Kind::kCreate);
}

TEST_F(EventSeriesTest, TextsStayWithinTheirBounds) {
  auto large = note(std::string(300, 'R'), std::string(5000, 'n'));
  large.regarding.name = std::string(253, 'a');
  const auto event = json::parse(add(kStart, large)->body);
  EXPECT_EQ(event["note"].get<std::string>().size(), 1024u);
  EXPECT_THAT(event["note"].get<std::string>(), EndsWith("n..."));
  EXPECT_EQ(event["reason"].get<std::string>().size(), 128u);
  EXPECT_LE(event["metadata"]["name"].get<std::string>().size(), 253u);
}

TEST_F(EventSeriesTest, TextIsCutBetweenCharacters) {
  EXPECT_EQ(cut_text("abcdefgh", 8), "abcdefgh");
  EXPECT_EQ(cut_text("abcdefghi", 8), "abcde...");
  EXPECT_EQ(cut_text("abcd\u00e9fghi", 8), "abcd...");
}

TEST_F(EventSeriesTest, ANoteThatIsNoUtf8IsToldAllTheSame) {
  const auto event = json::parse(add(kStart, note("X", "key \xff"))->body);
  EXPECT_EQ(event["note"], "key \uFFFD");
}

TEST_F(EventSeriesTest, WhatHasNoNamespaceIsToldInTheDefaultOne) {
  auto about_node = note();
  about_node.regarding.name_space.clear();
  EXPECT_EQ(add(kStart, about_node)->name_space, "default");
}

}  // namespace
}  // namespace rebalance
