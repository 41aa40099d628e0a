#include "kube/claim_leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClaimLeasesTest : public testing::Test {
 protected:
  std::unique_ptr<ClaimLeases> claim(const std::string& holder,
                                     std::vector<std::string> nodes = {"n2", "n1", "n3", "n2"}) {
    return std::make_unique<ClaimLeases>(client, "shop", std::move(nodes), holder, LeaseTimes{},
                                         time.surroundings());
  }
  static bool held(const LeaseTry& tried) { return std::holds_alternative<LeaseHeld>(tried); }
  static std::string other(const LeaseTry& tried) {
    const auto* by = std::get_if<LeaseHeldBy>(&tried);
    return by ? by->text() : "nobody";
  }
  static std::string path(const std::string& node) {
    return "/apis/coordination.k8s.io/v1/namespaces/shop/leases/" + claim_lease_name(node);
  }
  std::string holder(const std::string& node) {
    const auto lease = server->object(path(node));
    return lease.is_null() ? "none" : lease["spec"].value("holderIdentity", "");
  }

  TestTime time;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
};

TEST_F(ClaimLeasesTest, AllAreTakenInSortedOrderAndEachNodeOnce) {
  const auto a = claim("a");
  EXPECT_TRUE(held(a->acquire({})));
  std::vector<std::string> created;
  for (const auto& request : server->requests())
    if (request.method == "POST") created.push_back(nlohmann::json::parse(request.body)["metadata"]["name"]);
  EXPECT_THAT(created,
              ElementsAre("redis-rebalance-node-n1", "redis-rebalance-node-n2", "redis-rebalance-node-n3"));
  EXPECT_EQ(a->held_until(), time.now() + std::chrono::seconds(10));
}

TEST_F(ClaimLeasesTest, WhoMeetsAnotherOnOneNodeTakesNoneAndHearsWhoItIs) {
  const auto a = claim("a", {"n3"}), b = claim("b");
  ASSERT_TRUE(held(a->acquire({})));
  EXPECT_THAT(other(b->acquire({})), HasSubstr("held by a since"));
  EXPECT_EQ(holder("n1"), "none");
  EXPECT_EQ(b->held_until(), Instant{});
}

TEST_F(ClaimLeasesTest, WhatWasTakenBeforeAFailureIsGivenBack) {
  const auto a = claim("a");
  for (int read = 0; read < 3; ++read) server->next(std::nullopt);
  for (int first = 0; first < 2; ++first) server->next(std::nullopt);  // reads and creates n1
  server->next(std::nullopt);                                          // reads n2
  server->next(refusal(403, "Forbidden"));
  EXPECT_TRUE(std::holds_alternative<ApiError>(a->acquire({})));
  EXPECT_EQ(holder("n1"), "");
  EXPECT_EQ(holder("n2"), "none");
  EXPECT_EQ(a->held_until(), Instant{});
}

TEST_F(ClaimLeasesTest, AllOfADeadHolderAreTakenAfterOneWait) {
  const auto a = claim("a"), b = claim("b");
  ASSERT_TRUE(held(a->acquire({})));
  EXPECT_FALSE(held(b->acquire({})));
  time.pass(Millis(15'000));
  EXPECT_TRUE(held(b->acquire({})));
  EXPECT_EQ(holder("n1"), "b");
  EXPECT_EQ(holder("n3"), "b");
}

TEST_F(ClaimLeasesTest, ALiveHolderIsWaitedFor) {
  const auto a = claim("a"), b = claim("b");
  a->acquire({});
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(held(b->acquire({})));
    time.pass(Millis(4000));
    EXPECT_TRUE(held(a->renew({})));
  }
  a->release();
  EXPECT_EQ(a->held_until(), Instant{});
  EXPECT_TRUE(held(b->acquire({})));
}

TEST_F(ClaimLeasesTest, TheOldestRenewalSaysHowLongAllAreHeld) {
  const auto a = claim("a");
  a->acquire({});
  const auto began = time.now();
  time.pass(Millis(3000));
  server->next(std::nullopt);  // n1 is renewed; writing and reading n2 fails; n3 is renewed
  server->next(broken());
  server->next(broken());
  EXPECT_TRUE(std::holds_alternative<ApiError>(a->renew({})));
  EXPECT_EQ(a->held_until(), began + std::chrono::seconds(10));
  EXPECT_TRUE(held(a->renew({})));
  EXPECT_EQ(a->held_until(), time.now() + std::chrono::seconds(10));
}

TEST_F(ClaimLeasesTest, OneLeaseThatAnotherTookIsTheLossOfAll) {
  const auto a = claim("a"), b = claim("b", {"n2"});
  a->acquire({});
  b->acquire({});
  time.pass(Millis(15'000));
  ASSERT_TRUE(held(b->acquire({})));
  EXPECT_THAT(other(a->renew({})), HasSubstr("held by b"));
  EXPECT_EQ(a->held_until(), Instant{});
}

}  // namespace
}  // namespace rebalance
