#include "kube/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

constexpr Millis kLimit{20'000};

EventNote note(const std::string& reason = "Planned") {
  return {false,
          reason,
          "Plan",
          "a plan is there",
          {"redisrebalance.io/v1alpha1", "RedisRebalance", "shop", "x", "u"}};
}

// Holds every request until it is let go.
class Gate : public Transport {
 public:
  Result<HttpResponse> send(const HttpRequest&, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, stop, [this] { return open_; });
    return answer(201);
  }
  Result<HttpResponse> stream(const HttpRequest&, Millis, const std::function<bool(std::string_view)>&,
                              std::stop_token) override {
    return broken();
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    open_ = true;
    condition_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any condition_;
  bool open_ = false;
};

class EventRecorderTest : public testing::Test {
 protected:
  EventRecorderTest() {
    recorder = std::make_unique<EventRecorder>(client, "redis-rebalance", "pod-1", time.surroundings());
  }
  nlohmann::json body(std::size_t request) {
    return nlohmann::json::parse(server->requests().at(request).body);
  }

  TestTime time;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
  std::unique_ptr<EventRecorder> recorder;
};

TEST_F(EventRecorderTest, CreatesThenPatchesTheSeries) {
  for (int i = 0; i < 3; ++i) recorder->record(note());
  ASSERT_TRUE(recorder->flush(kLimit));
  const auto requests = server->requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].path, "/apis/events.k8s.io/v1/namespaces/shop/events");
  EXPECT_EQ(requests[1].method, "PATCH");
  EXPECT_EQ(requests[1].content_type, "application/strategic-merge-patch+json");
  EXPECT_EQ(requests[1].path, requests[0].path + "/" + body(0)["metadata"]["name"].get<std::string>());
  EXPECT_EQ(recorder->sent(), 2u);
}

TEST_F(EventRecorderTest, ASeriesWhoseEventIsNoMoreIsCreatedAnew) {
  recorder->record(note());
  ASSERT_TRUE(recorder->flush(kLimit));
  const auto path = server->requests()[0].path + "/" + body(0)["metadata"]["name"].get<std::string>();
  server->erase(path);
  recorder->record(note());
  ASSERT_TRUE(recorder->flush(kLimit));
  EXPECT_EQ(server->object(path)["series"]["count"], 2);
  EXPECT_EQ(server->object(path)["note"], "a plan is there");
}

TEST_F(EventRecorderTest, WhatTheServerRefusesIsNotTriedAgain) {
  server->next(refusal(403, "Forbidden"));
  recorder->record(note());
  ASSERT_TRUE(recorder->flush(kLimit));
  EXPECT_EQ(server->requests().size(), 1u);
  EXPECT_EQ(recorder->rejected(), 1u);
}

TEST_F(EventRecorderTest, AServerThatIsAwayIsTriedTwelveTimesTenSecondsApart) {
  server->down(true);
  recorder->record(note());
  ASSERT_TRUE(recorder->flush(kLimit));
  EXPECT_EQ(server->requests().size(), 12u);
  EXPECT_EQ(time.waits(), std::vector<Millis>(11, Millis(10'000)));
  EXPECT_EQ(recorder->rejected(), 1u);
}

TEST_F(EventRecorderTest, AnEventThatWasCreatedAlthoughTheAnswerWasLostIsFine) {
  server->lose_answer_of_next("POST");
  recorder->record(note());
  ASSERT_TRUE(recorder->flush(kLimit));
  EXPECT_EQ(recorder->sent(), 1u);
  EXPECT_EQ(recorder->rejected(), 0u);
}

TEST_F(EventRecorderTest, TheCallerIsNeverHeldUpAndWhatIsTooMuchIsCounted) {
  auto gate = std::make_shared<Gate>();
  ApiClient slow(gate, gate);
  EventRecorder events(slow, "redis-rebalance", "pod-1", time.surroundings());
  // The server answers nobody: up to one is under way, 1000 wait.
  for (int i = 0; i < 1101; ++i) events.record(note());
  EXPECT_GE(events.dropped(), 100u);
  EXPECT_LE(events.dropped(), 101u);
  EXPECT_FALSE(events.flush(Millis(1)));
  gate->open();
  EXPECT_TRUE(events.flush(kLimit));
}

TEST_F(EventRecorderTest, EndsAtOnceWhileTheServerIsSilent) {
  auto gate = std::make_shared<Gate>();
  ApiClient slow(gate, gate);
  const auto began = BootClock::now();
  {
    EventRecorder events(slow, "redis-rebalance", "pod-1", time.surroundings());
    events.record(note());
  }
  EXPECT_LT(BootClock::now() - began, kLimit);
}

}  // namespace
}  // namespace rebalance
