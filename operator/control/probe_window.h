// What the last answers to our own probes of one server took. Pure; not synchronised.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace rebalance {

class ProbeWindow {
 public:
  static constexpr std::size_t kKept = 200;  // so that one slow answer alone is no 99th percentile
  explicit ProbeWindow(std::size_t kept = kKept) : most_(kept) {}

  void answered(std::chrono::microseconds took);
  void failed() { failed_++; }

  double p99_millis() const;  // of those kept; 0: none yet
  std::int64_t all() const { return answered_ + failed_; }
  std::int64_t failures() const { return failed_; }

 private:
  std::deque<std::chrono::microseconds> kept_;  // oldest first
  std::size_t most_;
  std::int64_t answered_ = 0, failed_ = 0;
};

}  // namespace rebalance
