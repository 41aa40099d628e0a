#include "cli/signals.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>

namespace rebalance {
namespace {

// Counts calls from the signals' thread.
class Calls {
 public:
  std::function<void()> one_more() {
    return [this] {
      const std::scoped_lock hold(mutex_);
      ++count_;
      more_.notify_all();
    };
  }
  bool reach(int wanted) {
    std::unique_lock hold(mutex_);
    return more_.wait_for(hold, std::chrono::seconds(10), [&] { return count_ >= wanted; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  int count_ = 0;
};

TEST(StopOnSignal, TheFirstSignalAsksForAStopAndTheNextOnesSayMore) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Calls first, again;
    const StopOnSignal stop(first.one_more(), again.one_more());
    EXPECT_FALSE(stop.token().stop_requested());
    kill(getpid(), signal);
    ASSERT_TRUE(first.reach(1));
    EXPECT_TRUE(stop.token().stop_requested());
    kill(getpid(), signal);
    EXPECT_TRUE(again.reach(1));
  }
}

TEST(StopOnSignal, AfterItTheSignalEndsTheProcessAgain) {
  EXPECT_EXIT(
      {
        {
          const StopOnSignal stop([] {}, [] {});
        }
        raise(SIGTERM);
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace rebalance
