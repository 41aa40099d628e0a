// A bound on the rate of calls: so many a second, and a number that may be saved up for a burst.
//
// Pure: the caller brings the clock, and the lock.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace rebalance {

class TokenBucket {
 public:
  TokenBucket(double per_second, double burst) : rate_(per_second), burst_(burst), tokens_(burst) {}

  // Takes a token and says how long after `now` its owner may go: those who must wait stand in line.
  Millis take(Instant now) {
    refill(now);
    tokens_ -= 1;
    if (tokens_ >= 0) return Millis(0);
    return std::chrono::ceil<Millis>(std::chrono::duration<double>(-tokens_ / rate_));
  }

  // A token that was taken and not used: its owner gave up waiting.
  void give_back() { tokens_ = std::min(burst_, tokens_ + 1); }

 private:
  void refill(Instant now) {
    if (seen_ != Instant{} && now > seen_) {
      tokens_ = std::min(burst_, tokens_ + rate_ * seconds_between(seen_, now));
    }
    seen_ = std::max(seen_, now);
  }

  double rate_, burst_, tokens_;
  Instant seen_;
};

}  // namespace rebalance
