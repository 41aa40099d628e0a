// What plan() and the gate see of a cluster: one slim row a node (no views, no gossip), so that a thousand
// primaries fit into a few megabytes, and so that `plan --save` can keep it and `plan --from` can change it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/cluster.h"

namespace rebalance {

struct WorldNode {
  NodeId id;
  PodName pod;
  std::string run_id;  // another one means another process: a restart
  std::int64_t uptime_seconds = 0;
  int restart_count = 0;
  int functions = 0;  // libraries
  std::vector<std::string> modules;
  bool oom_killed = false;
  bool deleting = false;
  std::string rollout;  // the StatefulSet that owns the pod, while its pods are of several revisions
  std::string zone;
  Role role = Role::kPrimary;
  NodeId primary;  // of a replica
  Version version;
  bool atomic_denied = false;  // our user may not command atomic migrations there
  std::string live_denied;     // rights of live copy that our user lacks there
  SlotSet slots;
  std::int64_t keys = 0;
  Bytes limit = 0;  // of the pod, effective; 0: none known
  Bytes request = 0;
  PodResize resize;
  MemoryReading memory;
  LoadReading load;
  ReplicationReading replication;
  std::int64_t round_trip_micros = -1;  // between us and it; -1: not known
  std::string maxmemory_policy = "noeviction";
  bool aof_enabled = false;
  bool save_points = false;
  bool child_running = false;
  bool in_sync = true;  // of a replica: link up
  Bytes lag = 0;        // of a replica, bytes behind its primary
  bool allow_replica_migration = true;
  int migration_barrier = 1;
  bool full_coverage = true;
  int cluster_node_timeout_millis = 15000;
};

struct World {
  std::vector<WorldNode> nodes;  // sorted by id
  SlotSizes sizes;               // of the whole cluster
  std::vector<Finding> findings;
  const WorldNode* find(const NodeId& id) const;
  const WorldNode* find_pod(const PodName& pod) const;
  PodName pod_of(const NodeId& id) const;  // the id itself where no node has it
  std::vector<const WorldNode*> primaries() const;
  std::vector<const WorldNode*> replicas_of(const NodeId& id) const;
};

// `pods` and `cluster` are matched by pod name; a node whose pod is missing keeps limit 0.
World make_world(const ClusterState& cluster, const std::vector<PodState>& pods, SlotSizes sizes);

}  // namespace rebalance
