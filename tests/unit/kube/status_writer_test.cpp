#include "kube/status_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using std::chrono::seconds;

const Instant kStart{std::chrono::hours(1)};

TEST(StatusLimiter, TheFirstIsWrittenAtOnceAndTheSameNeverAgain) {
  StatusLimiter limiter;
  EXPECT_EQ(limiter.decide("a", false, kStart).index(), 1u);
  limiter.written("a", kStart);
  EXPECT_TRUE(
      std::holds_alternative<StatusLimiter::Nothing>(limiter.decide("a", true, kStart + seconds(60))));
}

TEST(StatusLimiter, AChangeWaitsUntilFiveSecondsAfterTheLastWrite) {
  StatusLimiter limiter;
  limiter.written("a", kStart);
  const auto early = limiter.decide("b", false, kStart + Millis(4999));
  ASSERT_TRUE(std::holds_alternative<StatusLimiter::Later>(early));
  EXPECT_EQ(std::get<StatusLimiter::Later>(early).when, kStart + seconds(5));
  EXPECT_TRUE(std::holds_alternative<StatusLimiter::Now>(limiter.decide("b", false, kStart + seconds(5))));
}

TEST(StatusLimiter, AnUrgentChangeDoesNotWait) {
  StatusLimiter limiter;
  limiter.written("a", kStart);
  EXPECT_TRUE(std::holds_alternative<StatusLimiter::Now>(limiter.decide("b", true, kStart)));
}

class StatusWriterTest : public testing::Test {
 protected:
  static constexpr auto kPath = "/apis/redisrebalance.io/v1alpha1/namespaces/shop/redisrebalances/x";
  void SetUp() override { there("u1"); }
  void there(const std::string& uid) {
    const nlohmann::json object{{"metadata", {{"name", "x"}, {"uid", uid}}}};
    server->put(kPath, object);
    server->put(std::string(kPath) + "/status", object);
  }
  StatusOutcome write(const std::string& status, bool urgent = false) {
    return writer.write(
        {{"redisrebalance.io", "v1alpha1", "redisrebalances"}, "RedisRebalance", "shop", "x", "u1"}, status,
        urgent, {});
  }
  template <typename T>
  static bool is(const StatusOutcome& outcome) {
    return std::holds_alternative<T>(outcome);
  }

  TestTime time;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
  StatusWriter writer{client, time.surroundings()};
};

TEST_F(StatusWriterTest, AppliesTheWholeStatusAsOneManagerOfThisVeryObject) {
  const auto version =
      server->object(std::string(kPath) + "/status")["metadata"]["resourceVersion"].get<std::string>();
  const auto outcome = write(R"({"state":"Moving"})");
  ASSERT_TRUE(is<StatusWritten>(outcome));
  const auto request = server->requests().back();
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.path, std::string(kPath) + "/status?fieldManager=redis-rebalance&force=true");
  EXPECT_EQ(request.content_type, "application/apply-patch+yaml");
  EXPECT_EQ(nlohmann::json::parse(request.body), nlohmann::json::parse(R"({
      "apiVersion": "redisrebalance.io/v1alpha1", "kind": "RedisRebalance",
      "metadata": {"namespace": "shop", "name": "x", "uid": "u1", "resourceVersion": ")" +
                                                                       version + R"("},
      "status": {"state": "Moving"}})"));
  EXPECT_EQ(std::get<StatusWritten>(outcome).resource_version,
            server->object(std::string(kPath) + "/status")["metadata"]["resourceVersion"].get<std::string>());
}

TEST_F(StatusWriterTest, TheSameStatusIsNotSent) {
  write("{}");
  EXPECT_TRUE(is<StatusUnchanged>(write("{}")));
  EXPECT_EQ(server->requests().size(), 2u);  // a look, and the write
}

TEST_F(StatusWriterTest, ChangesInQuickSuccessionAreDeferred) {
  write(R"({"percent":1})");
  const auto deferred = write(R"({"percent":2})");
  ASSERT_TRUE(is<StatusDeferred>(deferred));
  EXPECT_EQ(std::get<StatusDeferred>(deferred).when, time.now() + seconds(5));
  EXPECT_TRUE(is<StatusWritten>(write(R"({"state":"Done"})", true)));
}

TEST_F(StatusWriterTest, WhatFailedIsWrittenAtTheNextCall) {
  server->next(refusal(403, "Forbidden"));
  EXPECT_TRUE(is<ApiError>(write("{}")));
  EXPECT_TRUE(is<StatusWritten>(write("{}")));
}

TEST_F(StatusWriterTest, AnObjectThatIsNoMoreIsGone) {
  server->erase(kPath);
  server->erase(std::string(kPath) + "/status");
  EXPECT_TRUE(is<StatusGone>(write("{}")));
}

TEST_F(StatusWriterTest, ANamesakeWithAnotherUidIsLeftAlone) {
  EXPECT_TRUE(is<StatusWritten>(write("{}")));
  there("u2");
  server->next(refusal(409, "Conflict"));
  EXPECT_TRUE(is<StatusReplaced>(write(R"({"state":"Done"})", true)));
}

TEST_F(StatusWriterTest, WhatSomebodyElseWroteMeanwhileIsLookedAtAndWrittenOver) {
  EXPECT_TRUE(is<StatusWritten>(write("{}")));
  server->next(refusal(409, "Conflict"));
  EXPECT_TRUE(is<StatusWritten>(write(R"({"state":"Done"})", true)));
}

TEST_F(StatusWriterTest, WhatIsForgottenIsWrittenAgain) {
  write("{}");
  writer.forget("u1");
  EXPECT_TRUE(is<StatusWritten>(write("{}")));
}

}  // namespace
}  // namespace rebalance
