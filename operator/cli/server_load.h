// How busy the servers are that a plan touches.
#pragma once

#include <span>
#include <vector>

#include "model/finding.h"
#include "redis/observe.h"

namespace rebalance {

struct ServerLoad {
  PodName pod;
  std::int64_t operations_per_second = 0;
  double processors = 0;  // 0.31: it took 31 % of one
};

// Two looks at each, a second apart. A server that does not answer is left out.
std::vector<ServerLoad> measure_load(std::span<const NodeAccess> accesses);

// A row Load for each, Ok, the busiest first and no more than 20; and the warning BusyNow for those above
// half a processor, unless the spec says when it may move slots.
std::vector<Finding> load_findings(std::vector<ServerLoad> loads, bool has_windows);

}  // namespace rebalance
