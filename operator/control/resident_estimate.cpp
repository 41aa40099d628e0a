#include "control/resident_estimate.h"

#include <algorithm>

namespace rebalance {

Millis ResidentEstimate::left(const Taking& taking, Instant now) {
  if (!taking.ended) return Millis(0);
  return std::max(Millis(0), kSampled - std::chrono::duration_cast<Millis>(now - *taking.ended));
}

void ResidentEstimate::end(const NodeId& node, Instant now) {
  const auto found = nodes_.find(node);
  if (found != nodes_.end()) found->second.ended = now;
}

void ResidentEstimate::correct(const NodeId& node, MemoryReading& reading, Instant now) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || left(found->second, now) == Millis(0)) return;
  const auto& before = found->second.before;
  reading.rss = std::max(reading.rss, before.rss + std::max<Bytes>(0, reading.used - before.used));
}

Millis ResidentEstimate::settles_in(Instant now) const {
  Millis most{0};
  for (const auto& [node, taking] : nodes_) most = std::max(most, left(taking, now));
  return most;
}

}  // namespace rebalance
