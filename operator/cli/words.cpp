#include "cli/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rebalance {

std::string count_text(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > static_cast<std::ptrdiff_t>(first);
       at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string percent_text(Bytes part, Bytes whole) {
  if (whole <= 0) return "-";
  // Rounded up: a share of a limit must not look smaller than it is.
  return fmt::format("{} %", static_cast<std::int64_t>(
                                 std::ceil(100.0 * static_cast<double>(part) / static_cast<double>(whole))));
}

std::string duration_text(double seconds) {
  if (seconds < 0 || !std::isfinite(seconds)) return "-";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string limit_text(Bytes limit) { return limit > 0 ? human_bytes(limit) : "none"; }

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string first_of(const std::vector<std::string>& words, std::size_t most) {
  const auto shown = std::min(most, words.size());
  const auto more = words.size() > shown ? fmt::format(" and {} more", words.size() - shown) : std::string();
  return fmt::format(
      "{}{}", fmt::join(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(shown), ", "), more);
}

}  // namespace rebalance
