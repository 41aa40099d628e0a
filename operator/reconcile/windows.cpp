#include "reconcile/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reconcile/step.h"

namespace rebalance {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::sys_seconds;

bool is_day_of(const Window& window, local_days day) {
  constexpr std::array kNames{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  return std::ranges::count(window.days, kNames.at(std::chrono::weekday(day).c_encoding())) > 0;
}

// "01:30"; the schema lets nothing else pass.
std::chrono::minutes time_of(const std::string& text) {
  const auto number = [&](std::size_t at) { return (text.at(at) - '0') * 10 + text.at(at + 1) - '0'; };
  return std::chrono::hours(number(0)) + std::chrono::minutes(number(3));
}

struct Interval {
  sys_seconds begin, end;
};

Interval on(local_days day, const Window& window, const TimeZone& zone) {
  const auto start = time_of(window.start), end = time_of(window.end);
  return {zone.instant_of(day + start), zone.instant_of(day + (end > start ? days(0) : days(1)) + end)};
}

// From yesterday, which may reach over midnight, to the same day a week from now.
void look_at(const Window& window, const TimeZone& zone, sys_seconds now, Opening& opening) {
  const std::chrono::local_seconds shown{(now + zone.offset_at(now)).time_since_epoch()};
  const auto today = std::chrono::floor<days>(shown);
  for (auto day = today - days(1); day <= today + days(8); day += days(1)) {
    if (!is_day_of(window, day)) continue;
    const auto [begin, end] = on(day, window, zone);
    opening.open = opening.open || (begin <= now && now < end);
    if (begin > now) opening.next = std::min(opening.next.value_or(begin), begin);
  }
}

}  // namespace

Opening opening_at(sys_seconds now, const std::vector<Window>& windows, const TimeZones& zones) {
  Opening opening{windows.empty(), std::nullopt};
  for (const auto& window : windows) {
    if (const auto zone = zones.find(window.time_zone); zone != zones.end())
      look_at(window, zone->second, now, opening);
  }
  if (opening.open) opening.next.reset();
  return opening;
}

std::optional<Decision> keep_to_windows(Step& step) {
  const auto& windows = step.spec.windows;
  const auto unknown = std::ranges::find_if(
      windows, [&](const Window& window) { return !step.scene.zones.contains(window.time_zone); });
  if (unknown != windows.end()) {
    return step.enter(State::kRefused, "UnknownTimeZone",
                      fmt::format("spec.windows: there is no time zone {} here", unknown->time_zone));
  }
  const auto [open, next] = opening_at(step.scene.wall, windows, step.scene.zones);
  if (open) return std::nullopt;
  const auto when =
      next ? "the next one opens at " + rfc3339(*next) : std::string("none opens within a week");
  if (!step.scene.running.empty())
    return step.act(StopBatches{"the window has closed"}, "WindowClosed", "the window has closed: " + when);
  constexpr Millis kLookAgain{30'000};
  const Millis left = next ? Millis(*next - step.scene.wall) : kLookAgain;
  step.decision.requeue = std::clamp(left, Millis(1000), kLookAgain);
  const bool back = step.status().roll_back.has_value();
  if (!back && !step.scene.raised.empty()) step.decision.actions.emplace_back(PutBackLimits{});
  return step.enter(back ? State::kRollingBack : State::kWaiting, kWaitsForWindow,
                    "batches start only inside spec.windows: " + when);
}

}  // namespace rebalance
