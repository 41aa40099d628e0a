#include "reconcile/preflight_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "model/listed.h"
#include "reconcile/preflight.h"

namespace rebalance {
namespace {

int in_sync(const World& world, const NodeId& primary) {
  return static_cast<int>(std::ranges::count_if(world.replicas_of(primary), &WorldNode::in_sync));
}

// Whose replica could leave: a primary keeps as many as its cluster-migration-barrier says.
const WorldNode* giver_of_replicas(const World& world) {
  const WorldNode* richest = nullptr;
  int most = 0;
  for (const auto* primary : world.primaries()) {
    const int replicas = in_sync(world, primary->id);
    const bool may = std::ranges::any_of(world.replicas_of(primary->id), [&](const WorldNode* replica) {
      return replica->in_sync && replica->allow_replica_migration && replicas > replica->migration_barrier;
    });
    if (may && replicas > most) richest = primary, most = replicas;
  }
  return richest;
}

// With its first slot an empty primary becomes one that replicas move to, if any primary has some to spare. A
// primary that is emptied is told of in the notes of a plan.
std::optional<Finding> migrating_replicas(const Plan& plan, const World& world) {
  const auto* giver = giver_of_replicas(world);
  if (giver == nullptr) return std::nullopt;
  std::set<PodName> drawing;
  for (const auto& batch : plan.batches) {
    const auto* target = world.find(batch.target);
    if (target != nullptr && target->slots.empty() && world.replicas_of(target->id).empty())
      drawing.insert(target->pod);
  }
  if (drawing.empty()) return std::nullopt;
  const int has = in_sync(world, giver->id);
  return Finding{
      Severity::kWarning, "ReplicaMigration", listed({drawing.begin(), drawing.end()}),
      fmt::format("no replica, and now its first slots: a replica of {}, which has {}, will move to "
                  "it by itself and load a full copy; no plan counts its memory",
                  giver->pod, has),
      fmt::format("give it a replica first, or CONFIG SET cluster-migration-barrier {} on the "
                  "replicas, or cluster-allow-replica-migration no",
                  has)};
}

std::optional<Finding> uncovered(const Plan& plan, const World& world) {
  std::vector<std::string> pods;
  for (const auto& id : touched(plan)) {
    const auto* node = world.find(id);
    if (node != nullptr && node->full_coverage && in_sync(world, id) == 0) pods.push_back(node->pod);
  }
  if (pods.empty()) return std::nullopt;
  std::ranges::sort(pods);
  return Finding{
      Severity::kWarning, "FullCoverageRequired", listed(pods),
      "no replica in sync could take over, and with cluster-require-full-coverage yes one lost "
      "primary stops the whole cluster",
      "add replicas, or CONFIG SET cluster-require-full-coverage no on every node if a part of the "
      "data is better than none"};
}

}  // namespace

std::vector<Finding> shard_findings(const Plan& plan, const World& world) {
  std::vector<Finding> findings;
  for (auto& finding : {migrating_replicas(plan, world), uncovered(plan, world)}) {
    if (finding) findings.push_back(*finding);
  }
  return findings;
}

}  // namespace rebalance
