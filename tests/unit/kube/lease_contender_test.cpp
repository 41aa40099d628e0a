#include "kube/lease_contender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

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
  // Leases have their own lane: the other transport knows nothing of them.
  ApiClient client{std::make_shared<TinyServer>(), server};
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

TEST_F(LeaseContenderTest, WhatIsHeldCountsFromBeforeTheWriteWasSent) {
  auto a = contender("a");
  a.try_acquire_or_renew({});
  server->on_request = [this] { time.pass(Millis(3000)); };
  const auto sent = time.now();
  EXPECT_TRUE(held(a.try_acquire_or_renew({})));
  EXPECT_EQ(a.held_until(), sent + seconds(10));
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
  server->put(kPath, nlohmann::json::parse(new_lease("shop", "x", {"gone", 15, "t", "t", 1})));
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
