#include "api/decommission.h"

#include <fmt/format.h>

#include <algorithm>

namespace rebalance {
namespace {

std::vector<const WorldNode*> drained(const DrainGoal& drain, const World& world) {
  std::vector<const WorldNode*> nodes;
  for (const auto& node : world.nodes) {
    if (names(drain, node.pod, node.id)) nodes.push_back(&node);
  }
  return nodes;
}

// A primary without slots may have become the replica of whoever took them.
std::string replica_needed(const WorldNode& replica, const std::vector<const WorldNode*>& leaving,
                           const World& world, const SafetySpec& safety) {
  if (safety.replicas != Requirement::kRequire) return "";
  const auto replicas = world.replicas_of(replica.primary);
  const auto stay = std::ranges::count_if(
      replicas, [&](const WorldNode* one) { return std::ranges::count(leaving, one) == 0; });
  if (stay >= safety.min_replicas) return "";
  return fmt::format(
      "{} is a replica of {}, which has {} without it, and safety.minReplicas asks for {}: add one first",
      replica.pod, world.pod_of(replica.primary), stay, safety.min_replicas);
}

std::string why_needed(const WorldNode& node, const std::vector<const WorldNode*>& leaving,
                       const World& world, const SafetySpec& safety) {
  if (!node.slots.empty()) return fmt::format("{} owns {} slots", node.pod, node.slots.size());
  if (node.role == Role::kReplica) return replica_needed(node, leaving, world, safety);
  if (node.keys == 0) return "";
  return fmt::format("{} holds {} keys, of slots that it does not own: a Repair brings them to their owners",
                     node.pod, node.keys);
}

}  // namespace

bool names(const DrainGoal& drain, const PodName& pod, const NodeId& id) {
  return std::ranges::count(drain.pods, pod) + std::ranges::count(drain.node_ids, id) > 0;
}

Decommission judge_drained(const RebalanceSpec& spec, const World& world) {
  Decommission told;
  const auto leaving = drained(spec.goal.drain, world);
  for (const auto* node : leaving) {
    auto why = why_needed(*node, leaving, world, spec.safety);
    if (why.empty()) {
      told.safe.push_back(node->pod);
    } else {
      told.needed.push_back(std::move(why));
    }
  }
  return told;
}

}  // namespace rebalance
