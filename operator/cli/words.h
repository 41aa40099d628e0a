// Figures as people read them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.h"

namespace rebalance {

std::string count_text(std::int64_t count);         // 1234567 -> "1,234,567"
std::string percent_text(Bytes part, Bytes whole);  // "73 %", rounded up; "-" when there is no whole
std::string duration_text(double seconds);  // "0.4 s", "13 s", "2 min 5 s", "1 h 3 min"; "-" below zero
std::string limit_text(Bytes limit);        // a size, or "none" for 0
std::string plural(std::int64_t count, std::string_view noun);  // "1 slot", "2 slots"

std::string first_of(const std::vector<std::string>& words, std::size_t most);  // "a, b and 7 more"

}  // namespace rebalance
