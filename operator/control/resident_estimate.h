// How much memory servers hold that took slots a moment ago: they sample their RSS ten times a second, so
// that a reading lacks what came since, while used_memory has it at once. Pure; not synchronised.
#pragma once

#include <map>
#include <optional>

#include "base/clock.h"
#include "model/cluster.h"

namespace rebalance {

// serverCron reads RSS each 100 ms: after so long a reading has what was there before.
inline constexpr Millis kSampled{110};

class ResidentEstimate {
 public:
  // A batch into this node begins, whose memory reads so, corrected.
  void begin(const NodeId& node, const MemoryReading& reading) { nodes_[node] = {reading, std::nullopt}; }
  // It has ended.
  void end(const NodeId& node, Instant now);
  // RSS is at least what it was at the beginning and what used_memory grew by since: until the server has
  // sampled it after the end.
  void correct(const NodeId& node, MemoryReading& reading, Instant now) const;
  // How long until readings need no correction any more; 0: now.
  Millis settles_in(Instant now) const;

 private:
  struct Taking {
    MemoryReading before;
    std::optional<Instant> ended;
  };
  static Millis left(const Taking& taking, Instant now);
  std::map<NodeId, Taking> nodes_;
};

}  // namespace rebalance
