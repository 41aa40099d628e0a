// When may a batch start? The model of docs/concepts.md, used alike by the planner (for every prefix) and by the gate
// (for what is about to start). Pure.
//
//   ceiling(pod) = limit x (1 - minFreePercent)      flood(pod) = limit x floodWatermarkPercent
//   after(pod)   = max(base + max(0, reserved + incoming - reusable), (used + reserved + incoming) x fragmentation)
//                  + transient + fork_reserve
#pragma once

#include <map>
#include <optional>
#include <string>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// Learned per node from predictions that were compared with what came; the defaults are measured on stock servers
// (jemalloc, 1 KB values: a fresh target's RSS is 1.08 x used_memory).
struct NodeFactors {
  double fragmentation = 1.08;
  double reusable_share = 0.5;   // of the gap between RSS and used_memory
  double growth = 1.0;           // measured / predicted incoming bytes
};
using Factors = std::map<NodeId, NodeFactors>;

// Bytes on their way to, or held for, one pod.
struct Load {
  Bytes reserved = 0;   // of batches in flight
  Bytes incoming = 0;   // of the batch in question
  Bytes transient = 0;  // buffers of the engine while the batch runs
};

struct Walls {
  Bytes limit, ceiling, high, flood;
};
Walls walls_of(const WorldNode& node, const HeadroomSpec& spec);  // limit 0 takes assumedLimit

Bytes fork_reserve(const WorldNode& node, bool full_sync_expected);
Bytes after(const WorldNode& node, const Load& load, const NodeFactors& factors, Bytes fork_reserve);

// nullopt: it may. Otherwise the wall, the pod and how many bytes are short, in a sentence with figures.
std::optional<Refusal> may_receive(const WorldNode& node, const Load& load, const RebalanceSpec& spec, const NodeFactors& factors);
std::optional<Refusal> may_give(const WorldNode& node, Bytes transient, const RebalanceSpec& spec);

// The whole question for one batch: target, the target's replicas, source. `reserved` is by node id.
std::optional<Refusal> judge(const World& world, const Batch& batch, const std::map<NodeId, Bytes>& reserved,
                             const RebalanceSpec& spec, const Factors& factors);

}  // namespace rebalance
