#include "model/cluster.h"

#include <fmt/format.h>

#include <algorithm>

namespace rebalance {

std::string Version::text() const {
  return fmt::format("{} {}.{}.{}", kind == ServerKind::kValkey ? "Valkey" : "Redis", major, minor, patch);
}

bool counts_slots(const Version& version) {
  const bool valkey = version.kind == ServerKind::kValkey;
  return version.major > 8 || (version.major == 8 && (valkey || version.minor >= 2));
}

Bytes SlotSizes::bytes_of(const SlotSet& slots) const {
  Bytes sum = 0;
  for_each_slot(slots, [&](Slot slot) { sum += bytes[slot]; });
  return sum;
}

const NodeState* ClusterState::find(const NodeId& id) const {
  const auto at = std::ranges::find(nodes, id, &NodeState::id);
  return at == nodes.end() ? nullptr : &*at;
}

std::vector<const NodeState*> ClusterState::primaries() const {
  std::vector<const NodeState*> found;
  for (const auto& node : nodes) {
    if (node.role == Role::kPrimary) found.push_back(&node);
  }
  return found;
}

std::vector<const NodeState*> ClusterState::replicas_of(const NodeId& id) const {
  std::vector<const NodeState*> found;
  for (const auto& node : nodes) {
    if (node.role == Role::kReplica && node.primary == id) found.push_back(&node);
  }
  return found;
}

const PodState* find_pod(const std::vector<PodState>& pods, const PodName& name) {
  const auto at = std::ranges::find(pods, name, &PodState::name);
  return at == pods.end() ? nullptr : &*at;
}

}  // namespace rebalance
