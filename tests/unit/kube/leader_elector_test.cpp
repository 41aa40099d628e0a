#include "kube/leader_elector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

constexpr auto kPath = "/apis/coordination.k8s.io/v1/namespaces/ops/leases/leader";
constexpr Millis kLimit{20'000};

class LeaderElectorTest : public testing::Test {
 protected:
  LeaderElectorTest() {
    auto around = time.surroundings();
    // Real waits, but short: the test's clock goes on by what was asked for.
    around.wait = [this](std::stop_token stop, Millis asked) {
      wait_for(std::move(stop), Millis(1));
      time.pass(asked);
    };
    elector = std::make_unique<LeaderElector>(client, "ops", "leader", "me", LeaseTimes{}, around);
  }
  static bool until(const std::function<bool()>& condition) {
    const auto limit = BootClock::now() + kLimit;
    while (!condition() && BootClock::now() < limit) std::this_thread::yield();
    return condition();
  }
  nlohmann::json spec() { return server->object(kPath)["spec"]; }
  void taken_by_another() {
    auto lease = server->object(kPath);
    lease["spec"]["holderIdentity"] = "other";
    lease["spec"]["leaseTransitions"] = 9;
    server->put(kPath, lease);
  }

  TestTime time;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
  std::unique_ptr<LeaderElector> elector;
};

TEST_F(LeaderElectorTest, IdentitiesDiffer) { EXPECT_NE(lease_identity(), lease_identity()); }

TEST_F(LeaderElectorTest, TheLeaseIsGivenUpOnlyAfterTheWorkHasEnded) {
  std::stop_source stop;
  std::string holder_while_ending;
  const auto ended = elector->run(
      [&](std::stop_token asked) {
        EXPECT_TRUE(elector->leading());
        stop.request_stop();
        until([&] { return asked.stop_requested(); });
        // It is renewed while the work takes its time to end.
        const auto renewals = server->count("PUT");
        EXPECT_TRUE(until([&] { return server->count("PUT") > renewals + 1; }));
        holder_while_ending = spec()["holderIdentity"].get<std::string>();
      },
      stop.get_token());
  EXPECT_TRUE(ended);
  EXPECT_EQ(holder_while_ending, "me");
  EXPECT_FALSE(spec().contains("holderIdentity"));
  EXPECT_FALSE(elector->leading());
}

TEST_F(LeaderElectorTest, WorkThatEndsByItselfEndsTheLeadership) {
  EXPECT_TRUE(elector->run([](std::stop_token) {}, {}));
  EXPECT_FALSE(spec().contains("holderIdentity"));
}

TEST_F(LeaderElectorTest, AnotherHolderStopsTheWork) {
  bool asked_to_stop = false;
  const auto ended = elector->run(
      [&](std::stop_token asked) {
        taken_by_another();
        asked_to_stop = until([&] { return asked.stop_requested(); });
      },
      {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kLost);
  EXPECT_THAT(ended.error().message, HasSubstr("held by other"));
  EXPECT_TRUE(asked_to_stop);
  EXPECT_EQ(spec()["holderIdentity"], "other");
  EXPECT_EQ(elector->holder(), "other");
  EXPECT_EQ(elector->transitions(), 9);
}

TEST_F(LeaderElectorTest, AServerThatIsAwayForLongerThanTheRenewDeadlineStopsTheWork) {
  bool leading_at_the_end = true;
  const auto ended = elector->run(
      [&](std::stop_token asked) {
        server->down(true);
        until([&] { return asked.stop_requested(); });
        leading_at_the_end = elector->leading();
      },
      {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kLost);
  EXPECT_FALSE(leading_at_the_end);
}

TEST_F(LeaderElectorTest, AServerThatIsAwayForAShortTimeChangesNothing) {
  const auto ended = elector->run(
      [&](std::stop_token asked) {
        const auto renewals = server->count("PUT");
        server->next(broken());
        server->next(broken());
        EXPECT_TRUE(until([&] { return server->count("PUT") > renewals + 3; }));
        EXPECT_FALSE(asked.stop_requested());
      },
      {});
  EXPECT_TRUE(ended);
}

TEST_F(LeaderElectorTest, WaitsForAnExpiredLeaderThenLeads) {
  server->put(kPath, nlohmann::json::parse(new_lease("ops", "leader", {"gone", 15, "t", "t", 2})));
  const auto began = time.now();
  EXPECT_TRUE(
      elector->run([&](std::stop_token) { EXPECT_GE(time.now() - began, std::chrono::seconds(15)); }, {}));
  EXPECT_EQ(spec()["leaseTransitions"], 3);
}

TEST_F(LeaderElectorTest, StoppingWhileWaitingRunsNothing) {
  server->put(kPath, nlohmann::json::parse(new_lease("ops", "leader", {"gone", 1'000'000'000, "t", "t", 2})));
  std::stop_source stop;
  std::jthread stopper([&] {
    server->wait_requests(3);
    stop.request_stop();
  });
  bool led = false;
  EXPECT_TRUE(elector->run([&](std::stop_token) { led = true; }, stop.get_token()));
  EXPECT_FALSE(led);
  EXPECT_EQ(spec()["holderIdentity"], "gone");
}

}  // namespace
}  // namespace rebalance
