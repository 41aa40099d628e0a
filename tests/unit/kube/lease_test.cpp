#include "kube/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

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

class LeaseContenderTest : public testing::Test {
 protected:
  static constexpr auto kPath = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/x";
  LeaseContender contender(const std::string& identity) {
    return {LeaseLock(client, "shop", "x", Millis(5000)), identity, {}, time.surroundings()};
  }
  static bool held(const LeaseTry& tried) { return std::holds_alternative<LeaseHeld>(tried); }
  static std::string other(const LeaseTry& tried) {
    const auto* by = std::get_if<LeaseHeldBy>(&tried);
    return by ? by->text() : "nobody";
  }
  nlohmann::json spec() { return server->object(kPath)["spec"]; }

  TestTime time;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
};

TEST_F(LeaseContenderTest, TheFirstCreatesItAndTheSecondWaits) {
  auto a = contender("a"), b = contender("b");
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
  EXPECT_THAT(other(b.try_acquire_or_renew({})), HasSubstr("held by a since"));
  EXPECT_EQ(spec()["holderIdentity"], "a");
  EXPECT_THAT(spec()["renewTime"].get<std::string>(), MatchesRegex(".*[.][0-9]{6}Z"));
  EXPECT_EQ(a.held_until(), time.now() + seconds(10));
  EXPECT_EQ(b.held_until(), Instant{});
}

TEST_F(LeaseContenderTest, RenewingIsOneWriteWithoutARead) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  const auto before = server->requests().size();
  time.pass(Millis(2000));
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
  ASSERT_EQ(server->requests().size(), before + 1);
  EXPECT_EQ(server->requests().back().method, "PUT");
  EXPECT_EQ(server->requests().back().deadline, Millis(5000));
  EXPECT_EQ(spec()["leaseTransitions"], 0);
}

TEST_F(LeaseContenderTest, ARenewalThatConflictsReadsAndWritesAgain) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  auto touched = server->object(kPath);
  touched["metadata"]["labels"]["by"] = "somebody";
  server->put(kPath, touched);
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
  EXPECT_EQ(server->object(kPath)["metadata"]["labels"]["by"], "somebody");
}

TEST_F(LeaseContenderTest, ARenewalWhoseAnswerWasLostStillCounts) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  server->lose_answer_of_next("PUT");
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
}

TEST_F(LeaseContenderTest, WithoutRenewalsHeldUntilStandsStill) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  const auto until = a.held_until();
  server->down(true);
  time.pass(Millis(2000));
  EXPECT_TRUE(std::holds_alternative<ApiError>(a.try_acquire_or_renew({})));
  EXPECT_EQ(a.held_until(), until);
}

TEST_F(LeaseContenderTest, AnExpiredLeaseIsTakenOverAndTheOldHolderLearnsIt) {
  auto a = contender("a"), b = contender("b");
  a.try_acquire_or_renew({});
  b.try_acquire_or_renew({});
  time.pass(Millis(15'000));
  EXPECT_TRUE(held(b.try_acquire_or_renew({})));
  EXPECT_EQ(spec()["leaseTransitions"], 1);
  EXPECT_THAT(other(a.try_acquire_or_renew({})), HasSubstr("held by b"));
  EXPECT_EQ(a.held_until(), Instant{});
}

TEST_F(LeaseContenderTest, ASleeperWhoseLeaseWasTakenAndGivenUpIsTold) {
  auto a = contender("a"), b = contender("b");
  a.try_acquire_or_renew({});
  b.try_acquire_or_renew({});
  time.pass(Millis(15'000));
  b.try_acquire_or_renew({});
  b.release({});
  EXPECT_THAT(other(a.try_acquire_or_renew({})), HasSubstr("somebody else had it meanwhile"));
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
}

TEST_F(LeaseContenderTest, OfTwoWhoTakeAnExpiredLeaseOneWins) {
  auto a = contender("a"), b = contender("b");
  server->put(kPath, nlohmann::json::parse(new_lease("shop", "x", {"gone", 15, kWall, kWall, 1})));
  a.try_acquire_or_renew({});
  b.try_acquire_or_renew({});
  time.pass(Millis(15'000));
  server->next(std::nullopt);  // a reads
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
  EXPECT_FALSE(held(b.try_acquire_or_renew({})));
}

TEST_F(LeaseContenderTest, GivingUpLeavesItFreeAndIsDoneByTheHolderOnly) {
  auto a = contender("a"), b = contender("b");
  a.try_acquire_or_renew({});
  b.try_acquire_or_renew({});
  b.release({});
  EXPECT_EQ(spec()["holderIdentity"], "a");
  a.release({});
  EXPECT_FALSE(spec().contains("holderIdentity"));
  EXPECT_EQ(spec()["leaseDurationSeconds"], 1);
  EXPECT_TRUE(held(b.try_acquire_or_renew({})));
}

TEST_F(LeaseContenderTest, ALeaseThatSomebodyDeletedIsCreatedAnew) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  server->erase(kPath);
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
  EXPECT_EQ(spec()["holderIdentity"], "a");
}

TEST_F(LeaseContenderTest, AFailureAfterADeletionIsSurvived) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  server->erase(kPath);
  for (const auto& step :
       {std::optional<Answer>(), std::optional<Answer>(), std::optional(refusal(403, "Forbidden"))})
    server->next(step);  // PUT and GET find nothing, POST is forbidden
  EXPECT_TRUE(std::holds_alternative<ApiError>(a.try_acquire_or_renew({})));
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
}

}  // namespace
}  // namespace rebalance
