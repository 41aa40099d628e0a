#include "model/cold_keys.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

std::string span_text(int seconds) {
  constexpr int kDay = 86'400;
  return seconds % kDay == 0 ? fmt::format("{} days", seconds / kDay) : fmt::format("{} s", seconds);
}

}  // namespace

ColdCount& ColdCount::operator+=(const ColdCount& other) {
  keys += other.keys;
  looked_at += other.looked_at;
  expired += other.expired;
  cold += other.cold;
  bytes += other.bytes;
  deleted += other.deleted;
  return *this;
}

std::string cold_sentence(const ColdCount& count, int idle_seconds) {
  const bool sampled = count.looked_at < count.keys;
  auto text = fmt::format("{}{} of {} keys were not used for {} ({})", sampled ? "about " : "", count.cold,
                          count.keys, span_text(idle_seconds), human_bytes(count.bytes));
  if (sampled) text += fmt::format(", by {} that were looked at", count.looked_at);
  if (count.deleted > 0) text += fmt::format("; {} of them were deleted", count.deleted);
  if (count.expired > 0) text += fmt::format("; {} more had expired", count.expired);
  return text;
}

}  // namespace rebalance
