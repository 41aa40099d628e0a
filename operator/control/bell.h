// Wakes the controller: something ended, or it is time to look again. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "base/clock.h"

namespace rebalance {

class Bell {
 public:
  void ring() {
    const std::scoped_lock lock(mutex_);
    rung_ = true;
    condition_.notify_all();
  }
  // Until rung (also before the call; true), stopped, or `limit` has passed.
  bool wait(std::stop_token stop, Millis limit) {
    std::unique_lock lock(mutex_);
    condition_.wait_for(lock, std::move(stop), limit, [this] { return rung_; });
    return std::exchange(rung_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any condition_;
  bool rung_ = false;
};

}  // namespace rebalance
