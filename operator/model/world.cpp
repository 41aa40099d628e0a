#include "model/world.h"

#include <algorithm>
#include <set>
#include <utility>

namespace rebalance {
namespace {

WorldNode slim(const NodeState& node) {
  WorldNode row;
  row.id = node.id;
  row.pod = node.pod;
  row.run_id = node.run_id;
  row.uptime_seconds = node.uptime_seconds;
  row.functions = node.functions;
  row.modules = node.modules;
  row.role = node.role;
  row.primary = node.primary;
  row.version = node.version;
  row.atomic_denied = node.atomic_denied;
  row.live_denied = node.live_denied;
  row.slots = node.slots;
  row.keys = node.keys;
  row.memory = node.memory;
  row.load = node.load;
  row.replication = node.replication;
  row.round_trip_micros = node.round_trip_micros;
  row.maxmemory_policy = node.maxmemory_policy;
  row.aof_enabled = node.aof_enabled;
  row.save_points = node.save_points;
  row.child_running = node.child_running;
  row.in_sync = node.role == Role::kPrimary || node.primary_link_up;
  row.allow_replica_migration = node.allow_replica_migration;
  row.migration_barrier = node.migration_barrier;
  row.full_coverage = node.full_coverage;
  row.cluster_node_timeout_millis = node.cluster_node_timeout_millis;
  return row;
}

void add_pod(WorldNode& row, const PodState& pod) {
  row.zone = pod.zone;
  row.limit = pod.limit;
  row.request = pod.request;
  row.resize = pod.resize;
  row.restart_count = pod.restart_count;
  row.oom_killed = pod.oom_killed;
  row.deleting = pod.deleting;
}

// StatefulSets whose pods are not all of one revision.
std::set<std::string> in_rollout(const std::vector<PodState>& pods) {
  std::map<std::string, std::string> first;
  std::set<std::string> several;
  for (const auto& pod : pods) {
    if (pod.stateful_set.empty()) continue;
    if (first.emplace(pod.stateful_set, pod.revision).first->second != pod.revision)
      several.insert(pod.stateful_set);
  }
  return several;
}

void add_lag(WorldNode& row, const NodeState& replica, const ClusterState& cluster) {
  const auto primary = std::ranges::find(cluster.nodes, replica.primary, &NodeState::id);
  if (primary == cluster.nodes.end()) return;
  row.lag = std::max<Bytes>(0, primary->replication_offset - replica.replication_offset);
}

}  // namespace

const WorldNode* World::find(const NodeId& id) const {
  const auto found = std::ranges::lower_bound(nodes, id, {}, &WorldNode::id);
  return found != nodes.end() && found->id == id ? &*found : nullptr;
}

PodName World::pod_of(const NodeId& id) const {
  const auto* node = find(id);
  return node == nullptr ? id : node->pod;
}

const WorldNode* World::find_pod(const PodName& pod) const {
  const auto found = std::ranges::find(nodes, pod, &WorldNode::pod);
  return found != nodes.end() ? &*found : nullptr;
}

std::vector<const WorldNode*> World::primaries() const {
  std::vector<const WorldNode*> found;
  for (const auto& node : nodes) {
    if (node.role == Role::kPrimary) found.push_back(&node);
  }
  return found;
}

std::vector<const WorldNode*> World::replicas_of(const NodeId& id) const {
  std::vector<const WorldNode*> found;
  for (const auto& node : nodes) {
    if (node.role == Role::kReplica && node.primary == id) found.push_back(&node);
  }
  return found;
}

World make_world(const ClusterState& cluster, const std::vector<PodState>& pods, SlotSizes sizes) {
  std::map<PodName, const PodState*> by_name;
  for (const auto& pod : pods) by_name[pod.name] = &pod;
  const auto rollouts = in_rollout(pods);

  World world;
  for (const auto& node : cluster.nodes) {
    auto& row = world.nodes.emplace_back(slim(node));
    if (const auto pod = by_name.find(node.pod); pod != by_name.end()) {
      add_pod(row, *pod->second);
      if (rollouts.contains(pod->second->stateful_set)) row.rollout = pod->second->stateful_set;
    }
    if (node.role == Role::kReplica) add_lag(row, node, cluster);
  }
  std::ranges::sort(world.nodes, {}, &WorldNode::id);
  world.sizes = std::move(sizes);
  world.findings = cluster.findings;
  return world;
}

}  // namespace rebalance
