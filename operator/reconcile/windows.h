// When batches may start: spec.windows against the clock on the wall. Pure.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/spec.h"
#include "base/time_zone.h"

namespace rebalance {

using TimeZones = std::map<std::string, TimeZone>;  // by name

struct Opening {
  bool open = true;
  std::optional<std::chrono::sys_seconds> next;  // while it is closed
};

// No window means always. A window lies on the days that its start lies on, by the clocks of its time zone;
// one whose zone is not in `zones` is closed.
Opening opening_at(std::chrono::sys_seconds now, const std::vector<Window>& windows, const TimeZones& zones);

}  // namespace rebalance
