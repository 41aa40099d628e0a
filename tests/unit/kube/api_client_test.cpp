#include "kube/api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <mutex>
#include <thread>

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Answers from a list; what is asked after its end is answered with 200.
class ScriptedTransport : public Transport {
 public:
  Result<HttpResponse> send(const HttpRequest& request, std::stop_token) override {
    const std::scoped_lock lock(mutex_);
    asked_.push_back(request);
    if (answers_.empty()) return HttpResponse{.status = 200, .body = "{}"};
    auto answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  Result<HttpResponse> stream(const HttpRequest& request, Millis,
                              const std::function<bool(std::string_view)>& line,
                              std::stop_token stop) override {
    auto answer = send(request, stop);
    if (answer && answer->status == 200) line(answer->body);
    return answer;
  }
  void answer(Result<HttpResponse> answer) { answers_.push_back(std::move(answer)); }
  void answer(int status, std::optional<Millis> retry_after = {}, const std::string& body = {}) {
    answer(HttpResponse{status, body, retry_after});
  }
  std::size_t asked() {
    const std::scoped_lock lock(mutex_);
    return asked_.size();
  }
  HttpRequest last() {
    const std::scoped_lock lock(mutex_);
    return asked_.back();
  }

 private:
  std::mutex mutex_;
  std::deque<Result<HttpResponse>> answers_;
  std::vector<HttpRequest> asked_;
};

class ApiClientTest : public ::testing::Test {
 protected:
  static HttpRequest request(const std::string& method = "GET") {
    return {.method = method, .path = "/api/v1/pods"};
  }
  int status_of(const HttpRequest& request) {
    const auto answer = client_.call(request, {});
    return answer ? 200 : answer.error().status;
  }
  std::shared_ptr<ScriptedTransport> normal_ = std::make_shared<ScriptedTransport>();
  std::shared_ptr<ScriptedTransport> leases_ = std::make_shared<ScriptedTransport>();
  ApiClient client_{normal_, leases_};
};

TEST_F(ApiClientTest, WaitsAsLongAsTheServerAsksFor) {
  normal_->answer(429, Millis(30));
  normal_->answer(503, Millis(20));
  const auto begin = BootClock::now();
  EXPECT_EQ(status_of(request("POST")), 200);
  EXPECT_GE(BootClock::now() - begin, Millis(50));
  EXPECT_EQ(normal_->asked(), 3U);
}

TEST_F(ApiClientTest, WaitsAsTheStatusSaysWhereTheHeaderDoesNot) {
  normal_->answer(500, {}, R"({"kind":"Status","code":500,"details":{"retryAfterSeconds":1}})");
  const auto begin = BootClock::now();
  EXPECT_EQ(status_of(request("POST")), 200);
  EXPECT_GE(BootClock::now() - begin, Millis(1000));
}

TEST_F(ApiClientTest, GivesUpAfterTenTries) {
  for (int i = 0; i < 20; ++i) normal_->answer(429, Millis(0));
  EXPECT_EQ(status_of(request()), 429);
  EXPECT_EQ(normal_->asked(), 10U);
}

TEST_F(ApiClientTest, GivesUpAtOnceWhenTheWaitIsLongerThanTheDeadline) {
  normal_->answer(429, Millis(60'000));
  EXPECT_EQ(status_of(request()), 429);
  EXPECT_EQ(normal_->asked(), 1U);
}

TEST_F(ApiClientTest, LeavesLaterTriesWhatIsLeftOfTheDeadline) {
  normal_->answer(429, Millis(100));
  EXPECT_EQ(status_of(request()), 200);
  EXPECT_LE(normal_->last().deadline, Millis(9'900));
}

TEST_F(ApiClientTest, DoesNotRepeatWhatMayHaveBeenDoneWithoutTheServersWord) {
  normal_->answer(500);
  EXPECT_EQ(status_of(request("POST")), 500);
  normal_->answer(500);
  EXPECT_EQ(status_of(request("PUT")), 200);
  EXPECT_EQ(normal_->asked(), 3U);
}

TEST_F(ApiClientTest, RepeatsABrokenConnectionOnceUnlessItCreates) {
  const auto broken = error(ErrorCode::kUnavailable, "the connection broke");
  for (const std::string method : {"GET", "PUT", "PATCH"}) {
    normal_->answer(broken);
    EXPECT_EQ(status_of(request(method)), 200) << method;
  }
  normal_->answer(broken);
  normal_->answer(broken);
  EXPECT_THAT(client_.call(request(), {}).error().message,
              HasSubstr("GET /api/v1/pods: the connection broke"));
  normal_->answer(broken);
  EXPECT_EQ(client_.call(request("POST"), {}).error().code, ErrorCode::kUnavailable);
}

TEST_F(ApiClientTest, TriesOnceMoreAfter401) {
  normal_->answer(401);
  EXPECT_EQ(status_of(request("POST")), 200);
  normal_->answer(401);
  normal_->answer(401);
  EXPECT_EQ(status_of(request()), 401);
  EXPECT_EQ(normal_->asked(), 4U);
}

TEST_F(ApiClientTest, DoesNotWaitForAServerThatIsBehind) {
  normal_->answer(504, Millis(1000), R"({"kind":"Status","code":504,"reason":"Timeout",
      "details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}})");
  EXPECT_EQ(status_of(request()), 504);
  EXPECT_EQ(normal_->asked(), 1U);
}

TEST_F(ApiClientTest, StopsWhileItWaits) {
  normal_->answer(429, Millis(9'000));
  std::stop_source stop;
  const std::jthread stopper([&] {
    while (normal_->asked() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  const auto begin = BootClock::now();
  EXPECT_EQ(client_.call(request(), stop.get_token()).error().status, 429);
  EXPECT_LT(BootClock::now() - begin, Millis(5'000));
}

TEST_F(ApiClientTest, SendsNoMoreThanTwentyASecondAfterABurstOfForty) {
  const auto begin = BootClock::now();
  for (int i = 0; i < 45; ++i) ASSERT_EQ(status_of(request()), 200);
  EXPECT_GE(BootClock::now() - begin, Millis(200));
}

TEST_F(ApiClientTest, LeasesWaitForNobodyAndAreTriedOnce) {
  for (int i = 0; i < 40; ++i) ASSERT_EQ(status_of(request()), 200);
  auto hurried = request("PUT");
  hurried.deadline = Millis(1);
  EXPECT_EQ(client_.call(hurried, {}).error().code, ErrorCode::kTimeout);  // its turn would come later
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client_.call(hurried, {}, Lane::kLease));
  leases_->answer(503, Millis(0));
  EXPECT_EQ(client_.call(hurried, {}, Lane::kLease).error().status, 503);
  EXPECT_EQ(leases_->asked(), 101U);
}

TEST_F(ApiClientTest, AWatchIsTriedOnce) {
  std::vector<std::string> lines;
  const auto take = [&](std::string_view line) { return lines.emplace_back(line), true; };
  ASSERT_TRUE(client_.stream(request(), Millis(1000), take, {}));
  EXPECT_THAT(lines, ElementsAre("{}"));
  normal_->answer(429, Millis(0));
  EXPECT_EQ(client_.stream(request(), Millis(1000), take, {}).error().status, 429);
  EXPECT_EQ(normal_->asked(), 2U);
}

}  // namespace
}  // namespace rebalance
