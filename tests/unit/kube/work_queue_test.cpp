#include "kube/work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace rebalance {
namespace {

using std::chrono::milliseconds;

const Instant kStart{std::chrono::hours(1)};

TEST(WorkQueueState, AKeyThatStandsInLineIsNotAddedAgain) {
  WorkQueueState queue;
  queue.add("a");
  queue.add("b");
  queue.add("a");
  EXPECT_EQ(queue.get(), "a");
  EXPECT_EQ(queue.get(), "b");
  EXPECT_FALSE(queue.get());
}

TEST(WorkQueueState, AKeyInHandIsGivenToNobodyElse) {
  WorkQueueState queue;
  queue.add("a");
  ASSERT_EQ(queue.get(), "a");
  queue.add("a");
  queue.add("a");
  EXPECT_FALSE(queue.get());
}

TEST(WorkQueueState, WhatWasAddedWhileInHandComesAgainOnceAfterDone) {
  WorkQueueState queue;
  queue.add("a");
  ASSERT_EQ(queue.get(), "a");
  queue.add("a");
  queue.add("a");
  queue.done("a");
  EXPECT_EQ(queue.get(), "a");
  queue.done("a");
  EXPECT_FALSE(queue.get());
  EXPECT_TRUE(queue.idle());
}

TEST(WorkQueueState, WhatIsDueLaterWaitsForItsTime) {
  WorkQueueState queue;
  queue.add_at("late", kStart + milliseconds(20));
  queue.add_at("soon", kStart + milliseconds(10));
  queue.admit(kStart + milliseconds(9));
  EXPECT_FALSE(queue.get());
  EXPECT_EQ(queue.next_due(), kStart + milliseconds(10));
  queue.admit(kStart + milliseconds(20));
  EXPECT_EQ(queue.get(), "soon");
  EXPECT_EQ(queue.get(), "late");
  EXPECT_FALSE(queue.next_due());
}

TEST(WorkQueueState, OfTwoInstantsForOneKeyTheEarlierHolds) {
  for (const auto& [first, second] : {std::pair{5, 9}, std::pair{9, 5}}) {
    WorkQueueState queue;
    queue.add_at("a", kStart + milliseconds(first));
    queue.add_at("a", kStart + milliseconds(second));
    queue.admit(kStart + milliseconds(5));
    EXPECT_EQ(queue.get(), "a");
    EXPECT_FALSE(queue.next_due());
  }
}

TEST(WorkQueueState, ShutDownGivesOutTheLineAndTakesNothingNew) {
  WorkQueueState queue;
  queue.add("a");
  queue.add_at("later", kStart);
  queue.shut_down();
  queue.add("b");
  queue.add_at("c", kStart);
  queue.admit(kStart);
  EXPECT_EQ(queue.get(), "a");
  EXPECT_FALSE(queue.get());
}

TEST(Backoff, GrowsToItsBoundAndChanceOnlyAdds) {
  const Backoff backoff{Millis(100), Millis(1000), 2, 0.5};
  EXPECT_EQ(backoff.delay(0, 0), Millis(100));
  EXPECT_EQ(backoff.delay(2, 0), Millis(400));
  EXPECT_EQ(backoff.delay(2, 0.5), Millis(500));
  EXPECT_EQ(backoff.delay(1'000'000, 0), Millis(1000));
}

TEST(WorkQueue, EachFailureOfAKeyMakesItWaitLongerUntilForgotten) {
  Instant now = kStart;
  Surroundings around{.now = [&] { return now; }, .dice = [] { return 0.0; }};
  WorkQueue queue({Millis(100), Millis(400), 2, 0.2}, around);
  std::stop_source stopped;
  stopped.request_stop();
  for (const int wait : {100, 200, 400, 400}) {
    queue.add_rate_limited("a");
    now += milliseconds(wait - 1);
    EXPECT_EQ(queue.get(stopped.get_token()), std::nullopt);
    now += milliseconds(1);
    EXPECT_EQ(queue.get({}), "a") << wait;
    queue.done("a");
  }
  EXPECT_EQ(queue.num_requeues("a"), 4);
  queue.forget("a");
  EXPECT_EQ(queue.num_requeues("a"), 0);
  queue.add_rate_limited("a");
  now += milliseconds(100);
  EXPECT_EQ(queue.get({}), "a");
}

TEST(WorkQueue, AWaitingWorkerWakesForAKeyThatBecomesDue) {
  WorkQueue queue;
  const auto began = BootClock::now();
  queue.add_after("a", Millis(20));
  EXPECT_EQ(queue.get({}), "a");
  EXPECT_GE(BootClock::now() - began, Millis(20));
}

TEST(WorkQueue, StoppingEndsAWorkerThatWaits) {
  WorkQueue queue;
  std::optional<std::string> got = "something";
  {
    std::jthread worker([&](const std::stop_token& stop) { got = queue.get(stop); });
  }
  EXPECT_FALSE(got);
}

TEST(WorkQueue, DrainingWaitsForWhatIsInHand) {
  WorkQueue queue;
  queue.add("a");
  ASSERT_EQ(queue.get({}), "a");
  EXPECT_FALSE(queue.shut_down_with_drain(Millis(1)));
  std::jthread worker([&] { queue.done("a"); });
  EXPECT_TRUE(queue.shut_down_with_drain(Millis(20'000)));
  EXPECT_FALSE(queue.get({}));
}

TEST(WorkQueue, NoKeyIsEverInTwoHandsAndNoneIsLost) {
  constexpr int kKeys = 5, kRounds = 400;
  WorkQueue queue;
  std::vector<std::atomic<int>> hands(kKeys), seen(kKeys), wanted(kKeys);
  std::atomic<bool> twice{false};
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < 3; ++worker)
      workers.emplace_back([&] {
        while (const auto key = queue.get({})) {
          const auto i = static_cast<std::size_t>(std::stoi(*key));
          if (hands[i].fetch_add(1) != 0) twice = true;
          seen[i] = wanted[i].load();
          hands[i].fetch_sub(1);
          queue.done(*key);
        }
      });
    for (int round = 1; round <= kRounds; ++round)
      for (std::size_t i = 0; i < kKeys; ++i) {
        wanted[i] = round;
        queue.add(std::to_string(i));
      }
    queue.shut_down();
  }
  EXPECT_FALSE(twice);
  for (const auto& last : seen) EXPECT_EQ(last, kRounds);
}

}  // namespace
}  // namespace rebalance
