// Keys that nobody used for long, in slots that move: what was counted, and how that is told.
#pragma once

#include <cstdint>
#include <string>

#include "base/quantity.h"

namespace rebalance {

struct ColdCount {
  std::int64_t keys = 0;       // in the slots
  std::int64_t looked_at = 0;  // fewer than `keys`: a sample, and what follows is an estimate of all
  std::int64_t expired = 0;    // past their time to live, and not removed by the server yet
  std::int64_t cold = 0;
  Bytes bytes = 0;  // of the cold ones
  std::int64_t deleted = 0;

  ColdCount& operator+=(const ColdCount& other);
  bool operator==(const ColdCount&) const = default;
};

// Servers count idle time in 24 bits of seconds, and then from 0 again.
inline constexpr int kLongestIdleSeconds = (1 << 24) - 1;

// "about 120 of 5000 keys were not used for 30 days (1.2Mi), by 800 that were looked at; ..."
std::string cold_sentence(const ColdCount& count, int idle_seconds);

}  // namespace rebalance
