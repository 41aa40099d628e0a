// Time as the operator uses it: an Instant goes on while the machine sleeps (CLOCK_BOOTTIME), so that
// what ran out during a suspend is seen to have run out. Wall time is for people only.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace rebalance {

struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept {
    timespec t{};
    clock_gettime(CLOCK_BOOTTIME, &t);
    return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
};

using Instant = BootClock::time_point;
using Millis = std::chrono::milliseconds;

inline double seconds_between(Instant from, Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

// RFC 3339 in UTC with whole seconds, as Kubernetes writes metav1.Time.
std::string rfc3339(std::chrono::system_clock::time_point time);
// The same back; nothing where the text is anything else.
std::optional<std::chrono::sys_seconds> parse_rfc3339(const std::string& text);

}  // namespace rebalance
