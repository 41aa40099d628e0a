// What a loop takes from outside itself: time, chance and waiting. Tests put their own in place.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "base/clock.h"
#include "base/wait.h"

namespace rebalance {

// Evenly spread in [0, 1). Thread-safe.
std::function<double()> fair_dice();

// Each member is thread-safe.
struct Surroundings {
  std::function<Instant()> now = [] { return BootClock::now(); };
  // For what people read, and for the time stamps of leases that nobody compares with a clock.
  std::function<std::chrono::system_clock::time_point()> wall = [] {
    return std::chrono::system_clock::now();
  };
  std::function<double()> dice = fair_dice();
  std::function<void(std::stop_token, Millis)> wait = wait_for;
};

// RFC 3339 in UTC with exactly six digits of a second, as metav1.MicroTime demands: the API server refuses
// any other form.
std::string micro_time(std::chrono::system_clock::time_point time);

}  // namespace rebalance
