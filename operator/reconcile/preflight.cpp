#include "reconcile/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace rebalance {
namespace {

std::set<NodeId> touched(const Plan& plan) {
  std::set<NodeId> nodes;
  for (const auto& batch : plan.batches) nodes.insert({batch.source, batch.target});
  return nodes;
}

// In sync: the link is up and the replica is at most `max_lag` bytes behind.
int in_sync_replicas(const World& world, const NodeId& primary, Bytes max_lag) {
  const auto replicas = world.replicas_of(primary);
  return static_cast<int>(std::ranges::count_if(
      replicas, [&](const WorldNode* replica) { return replica->in_sync && replica->lag <= max_lag; }));
}

std::optional<Finding> replicas_finding(const World& world, const WorldNode& primary,
                                        const SafetySpec& safety) {
  if (safety.replicas == Requirement::kIgnore) return std::nullopt;
  const int good = in_sync_replicas(world, primary.id, safety.max_replica_lag);
  if (good >= safety.min_replicas) return std::nullopt;
  const bool required = safety.replicas == Requirement::kRequire;
  return Finding{
      required ? Severity::kBlocker : Severity::kWarning, "ReplicasNotInSync", primary.pod,
      fmt::format("{} of {} replicas are in sync (at most {} behind); safety.minReplicas asks for {}", good,
                  world.replicas_of(primary.id).size(), human_bytes(safety.max_replica_lag),
                  safety.min_replicas),
      "wait for the replicas, add one, or set safety.replicas to Prefer or Ignore"};
}

Finding deleting_finding(const WorldNode& node) {
  return {Severity::kBlocker, "PodDeleting", node.pod, "the pod has a deletionTimestamp",
          "wait until its replacement is ready"};
}

}  // namespace

std::vector<Finding> preflight(const Plan& plan, const World& world, const SafetySpec& safety) {
  std::vector<Finding> findings;
  for (const auto& id : touched(plan)) {
    const WorldNode* node = world.find(id);
    if (node == nullptr) continue;  // a missing node is a finding of the cluster already
    if (auto finding = replicas_finding(world, *node, safety)) findings.push_back(std::move(*finding));
    if (node->deleting) findings.push_back(deleting_finding(*node));
  }
  return findings;
}

const Finding* first_blocker(const std::vector<Finding>& findings) {
  const auto found = std::ranges::find(findings, Severity::kBlocker, &Finding::severity);
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace rebalance
