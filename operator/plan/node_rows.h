// One row a node of what a person or a program wants to watch: walls, memory now, what the plan expects, and
// which side of the plan the node is on. Shown by the status and by the metrics. Pure.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

struct NodeRow {
  PodName pod;
  NodeId id;
  Bytes limit = 0, ceiling = 0, high = 0, flood = 0;  // 0: the pod has no limit
  Bytes base = 0;                                     // counts against the limit now: RSS or working set
  Bytes used = 0, rss = 0;
  Bytes maxmemory = 0;             // 0: none
  std::optional<Bytes> projected;  // the highest that the plan expects; nothing: no plan knows the pod
  Bytes peak = 0;                  // the highest that was seen since moving began, at least `base`
  int slots = 0;
  bool receives = false;  // slots, or as a replica of a node that receives them
  bool gives = false;
  std::string why;  // what the plan does to it, in a sentence; empty where no plan knows the pod
};

// Sorted by pod, one row a pod. `peaks` is what was seen while something ran; pods may be missing in it.
std::vector<NodeRow> node_rows(const World& world, const std::optional<Plan>& plan, const HeadroomSpec& spec,
                               const std::map<PodName, Bytes>& peaks);

}  // namespace rebalance
