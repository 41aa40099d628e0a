#include "kube/lease.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kube/surroundings.h"

namespace rebalance {
namespace {

using std::chrono::seconds;

const Instant kStart{std::chrono::hours(1)};
constexpr auto kWall = "2026-08-01T10:00:00.000000Z";

LeaseObject lease(const LeaseRecord& record) { return decode_lease(new_lease("shop", "x", record)).value(); }
LeaseObject held_by(const std::string& holder, const std::string& renewed = kWall) {
  return lease({holder, 15, kWall, renewed, 4});
}

TEST(MicroTime, HasExactlySixDigits) {
  using std::chrono::system_clock;
  const auto second = system_clock::from_time_t(1785578400);
  EXPECT_EQ(micro_time(second), "2026-08-01T10:00:00.000000Z");
  EXPECT_EQ(micro_time(second + std::chrono::microseconds(70)), "2026-08-01T10:00:00.000070Z");
  EXPECT_EQ(micro_time(second + std::chrono::nanoseconds(999'999'999)), "2026-08-01T10:00:00.999999Z");
}

TEST(LeaseTimes, MustLeaveRoomForRetries) {
  EXPECT_TRUE(LeaseTimes{}.check());
  EXPECT_FALSE((LeaseTimes{Millis(10), Millis(10), Millis(1)}.check()));
  EXPECT_FALSE((LeaseTimes{Millis(15), Millis(12), Millis(10)}.check()));
  EXPECT_TRUE((LeaseTimes{Millis(15), Millis(13), Millis(10)}.check()));
}

TEST(LeaseTimes, TwoCallsFitIntoTheRenewDeadlineAndNoneIsShorterThanASecond) {
  EXPECT_EQ(LeaseTimes{}.call_deadline(), Millis(5000));
  EXPECT_EQ((LeaseTimes{Millis(1500), Millis(1200), Millis(100)}.call_deadline()), Millis(1000));
}

TEST(Lease, AnUpdateKeepsWhatWeDoNotKnow) {
  const auto known =
      decode_lease(
          R"({"metadata":{"name":"x","resourceVersion":"7","labels":{"a":"b"},"managedFields":[1]},)"
          R"("spec":{"holderIdentity":"old","strategy":"OldestEmulationVersion","preferredHolder":"p"}})")
          .value();
  const auto body = nlohmann::json::parse(changed_lease(known, {"me", 15, kWall, kWall, 3}));
  EXPECT_EQ(body["metadata"],
            nlohmann::json::parse(R"({"name":"x","resourceVersion":"7","labels":{"a":"b"}})"));
  EXPECT_EQ(body["spec"]["strategy"], "OldestEmulationVersion");
  EXPECT_EQ(body["spec"]["preferredHolder"], "p");
  EXPECT_EQ(body["spec"]["holderIdentity"], "me");
  EXPECT_EQ(body["spec"]["leaseTransitions"], 3);
}

TEST(Lease, WhatIsNoLeaseIsRefusedAndAbsentMembersAreEmpty) {
  EXPECT_FALSE(decode_lease("gateway"));
  const auto empty = decode_lease(R"({"spec":{"holderIdentity":null,"leaseDurationSeconds":"x"}})");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->record.holder, "");
  EXPECT_EQ(empty->record.duration_s, 0);
}

class DecideLease : public testing::Test {
 protected:
  std::variant<LeaseRecord, LeaseHeldBy> decide(Instant now) {
    return decide_lease(memory, "x", "me", {}, now, "now");
  }
  LeaseRecord taken(Instant now) { return std::get<LeaseRecord>(decide(now)); }
  LeaseHeldBy refused(Instant now) { return std::get<LeaseHeldBy>(decide(now)); }
  LeaseMemory memory;
};

TEST_F(DecideLease, WhereThereIsNoneItIsCreated) {
  const auto record = taken(kStart);
  EXPECT_EQ(record.holder, "me");
  EXPECT_EQ(record.duration_s, 15);
  EXPECT_EQ(record.acquired, "now");
  EXPECT_EQ(record.renewed, "now");
  EXPECT_EQ(record.transitions, 0);
}

TEST_F(DecideLease, TheHolderKeepsItsTimeAndCount) {
  memory.observe(held_by("me"), kStart);
  const auto record = taken(kStart + seconds(1));
  EXPECT_EQ(record.acquired, kWall);
  EXPECT_EQ(record.renewed, "now");
  EXPECT_EQ(record.transitions, 4);
}

TEST_F(DecideLease, AnothersRecordIsRespectedUntilItHasNotChangedForItsDuration) {
  memory.observe(held_by("other"), kStart);
  EXPECT_EQ(refused(kStart + Millis(14'999)).holder, "other");
  EXPECT_EQ(refused(kStart + Millis(14'999)).unchanged, Millis(14'999));
  const auto record = taken(kStart + seconds(15));
  EXPECT_EQ(record.holder, "me");
  EXPECT_EQ(record.acquired, "now");
  EXPECT_EQ(record.transitions, 5);
}

TEST_F(DecideLease, EachChangeOfTheRecordStartsTheWaitAnew) {
  memory.observe(held_by("other", "1"), kStart);
  memory.observe(held_by("other", "2"), kStart + seconds(10));
  memory.observe(held_by("other", "2"), kStart + seconds(20));  // the same: the clock goes on
  refused(kStart + Millis(24'999));
  taken(kStart + seconds(25));
}

TEST_F(DecideLease, TimeStampsOfTheRecordAreNotComparedWithTheClock) {
  memory.observe(held_by("other", "1999-01-01T00:00:00.000000Z"), kStart);
  EXPECT_EQ(refused(kStart + seconds(1)).renewed, "1999-01-01T00:00:00.000000Z");
}

TEST_F(DecideLease, WhatWasGivenUpIsTakenAtOnce) {
  memory.observe(lease({"", 1, kWall, kWall, 4}), kStart);
  EXPECT_EQ(taken(kStart).transitions, 5);
}

TEST_F(DecideLease, WhoHoldsItAndSinceWhenIsSaid) {
  memory.observe(held_by("host_1"), kStart);
  EXPECT_EQ(refused(kStart).text(), "held by host_1 since 2026-08-01T10:00:00.000000Z (lease x)");
}

}  // namespace
}  // namespace rebalance
