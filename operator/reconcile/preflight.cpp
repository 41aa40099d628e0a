#include "reconcile/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/cold_keys.h"
#include "plan/hot_slots.h"
#include "reconcile/preflight_pairs.h"
#include "reconcile/preflight_shards.h"
#include "reconcile/preflight_streams.h"

namespace rebalance {
namespace {

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

std::vector<Finding> hot_findings(const Plan& plan, const World& world, const HotSlotsSpec& spec) {
  std::vector<Finding> findings;
  const bool skipped = spec.action == HotSlotAction::kSkipSlot;
  for (const auto& [slot, what] : hot_slots(world, spec)) {
    const auto moves = std::ranges::find_if(
        plan.batches, [slot = slot](const Batch& batch) { return batch.slots.contains(slot); });
    if (moves == plan.batches.end()) continue;
    findings.push_back(
        {Severity::kWarning, "HotSlot", world.pod_of(moves->source),
         fmt::format("slot {}: {}; it {}", slot, what,
                     skipped ? "stays (hotSlots.action SkipSlot)" : "moves alone, after all others"),
         "set spec.hotSlots for another treatment; a slot cannot be divided"});
  }
  return findings;
}

// Where nothing will be known of cold keys.
std::vector<Finding> idle_findings(const Plan& plan, const World& world, const ColdKeysSpec& spec) {
  std::vector<Finding> findings;
  const auto add = [&](const PodName& pod, std::string evidence, std::string remedy) {
    findings.push_back({Severity::kWarning, "IdleTimeUnknown", pod, std::move(evidence), std::move(remedy)});
  };
  if (!plan.batches.empty() && spec.idle_seconds > kLongestIdleSeconds)
    add("", fmt::format("servers count idle time up to {} s only", kLongestIdleSeconds),
        "set coldKeys.idleSeconds below that");
  std::set<NodeId> sources;
  for (const auto& batch : plan.batches) sources.insert(batch.source);
  for (const auto& id : sources) {
    const WorldNode* node = world.find(id);
    if (node == nullptr || !node->maxmemory_policy.ends_with("lfu")) continue;
    add(node->pod,
        fmt::format("maxmemory-policy {} counts how often keys are used, not when", node->maxmemory_policy),
        "nothing is known of its cold keys, and none is deleted");
  }
  return findings;
}

}  // namespace

std::set<NodeId> touched(const Plan& plan) {
  std::set<NodeId> nodes;
  for (const auto& batch : plan.batches) nodes.insert({batch.source, batch.target});
  return nodes;
}

std::vector<Finding> preflight(const Plan& plan, const World& world, const RebalanceSpec& spec) {
  auto findings = pair_findings(plan, world);
  std::ranges::move(hot_findings(plan, world, spec.hot_slots), std::back_inserter(findings));
  std::ranges::move(idle_findings(plan, world, spec.cold_keys), std::back_inserter(findings));
  std::ranges::move(stream_findings(plan, world, spec.batch), std::back_inserter(findings));
  std::ranges::move(shard_findings(plan, world), std::back_inserter(findings));
  for (const auto& id : touched(plan)) {
    const WorldNode* node = world.find(id);
    if (node == nullptr) continue;  // a missing node is a finding of the cluster already
    if (auto finding = replicas_finding(world, *node, spec.safety)) findings.push_back(std::move(*finding));
    if (auto finding = leaving(*node)) findings.push_back(std::move(*finding));
  }
  return findings;
}

// A rollout that a partition or OnDelete holds half-way counts too: nobody can tell when it goes on.
std::optional<Finding> leaving(const WorldNode& node) {
  if (node.deleting) {
    return Finding{Severity::kBlocker, "PodDeleting", node.pod, "the pod has a deletionTimestamp",
                   "wait until its replacement is ready"};
  }
  if (node.rollout.empty()) return std::nullopt;
  return Finding{
      Severity::kBlocker, "RolloutUnderWay", node.pod,
      fmt::format("StatefulSet {} is in the middle of a rollout: its pods are of several revisions",
                  node.rollout),
      fmt::format("finish it first (kubectl rollout status statefulset/{})", node.rollout)};
}

std::optional<Finding> leaving_pod(const Plan& plan, const World& world) {
  for (const auto& id : touched(plan)) {
    const WorldNode* node = world.find(id);
    if (node == nullptr) continue;
    if (auto finding = leaving(*node)) return finding;
  }
  return std::nullopt;
}

}  // namespace rebalance
