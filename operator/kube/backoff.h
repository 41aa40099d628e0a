// How long to wait before the next try: longer after each failure, and spread, so that many do not come
// back at the same instant. Pure.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/clock.h"

namespace rebalance {

struct Backoff {
  Millis first{1000}, most{60'000};  // before jitter
  double factor = 2;
  double jitter = 0;  // the share that chance adds: 0.2 is up to a fifth more

  // `failures`: how many there were before, 0 for the first wait; `dice`: in [0, 1).
  Millis delay(int failures, double dice) const {
    const double grown = static_cast<double>(first.count()) * std::pow(factor, std::clamp(failures, 0, 1000));
    const double bounded = std::min(grown, static_cast<double>(most.count()));
    return Millis(static_cast<Millis::rep>(bounded * (1 + jitter * dice)));
  }
};

}  // namespace rebalance
