// What commands to each slot take, by the server's own count (CLUSTER SLOT-STATS cpu-usec), which it keeps
// where cluster-slot-stats-enabled is on. Two looks, around whatever takes the time between them. Read only;
// private to redis/.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "model/cluster.h"
#include "redis/connection.h"

namespace rebalance {

class SlotCpuLook {
 public:
  static Result<SlotCpuLook> begin(Connection& connection, const NodeState& node);
  // Writes cpu_usec, cpu_known and cpu_recent of the node's slots: the difference of the two looks where they
  // are seconds apart, else the totals. Nothing where the server does not tell.
  Status end(Connection& connection, SlotSizes& sizes) const;

 private:
  using Counts = std::array<std::int64_t, kSlotCount>;
  static Result<std::optional<Counts>> read(Connection& connection, const SlotSet& slots);

  SlotSet slots_;
  std::optional<Counts> first_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace rebalance
