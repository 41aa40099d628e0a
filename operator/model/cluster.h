// What was seen of one Redis Cluster at one moment: a plain value, made by redis/, read by plan/ and
// reconcile/.
//
// Nodes are identified by CLUSTER MYID and tied to the pod through which they were reached; what gossip
// announces is kept only to be compared. Bytes are int64 bytes; -1 stands for "could not be read".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "model/finding.h"
#include "model/slot_set.h"

namespace rebalance {

using NodeId = std::string;  // 40 hex digits, CLUSTER MYID
using PodName = std::string;

enum class Role { kPrimary, kReplica };
enum class ServerKind { kRedis, kValkey };

struct Version {
  ServerKind kind = ServerKind::kRedis;
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
  std::string text() const;  // "Redis 7.0.15"
};
bool counts_slots(const Version& version);  // has CLUSTER SLOT-STATS: Redis 8.2, Valkey 8.0

// One "[93-<-id]" or "[93->-id]" of a node's own line in CLUSTER NODES.
struct OpenSlot {
  Slot slot;
  enum class Direction { kMigrating, kImporting } direction;
  NodeId peer;
  auto operator<=>(const OpenSlot&) const = default;
};

// One line of somebody's CLUSTER NODES.
struct Gossip {
  NodeId id;
  std::string host;  // announced; may be empty or stale
  int port = 0;
  int bus_port = 0;
  Role role = Role::kPrimary;
  NodeId primary;  // of a replica
  bool myself = false, pfail = false, fail = false, handshake = false, noaddr = false;
  bool link_up = true;
  std::int64_t config_epoch = 0;
  SlotSet slots;
};

// CLUSTER NODES as one node tells it.
struct NodeView {
  std::vector<Gossip> nodes;
  std::vector<OpenSlot> open;  // of the node itself; CLUSTER NODES shows no other
};

struct MemoryReading {
  Bytes used = 0;          // used_memory
  Bytes rss = 0;           // used_memory_rss
  Bytes working_set = -1;  // of the cgroup, where it can be read
  Bytes maxmemory = 0;     // 0: none
  Bytes not_counted_for_evict = 0;
  Bytes dataset = 0;  // used_memory_dataset
  Bytes replication_backlog = 0;
  Bytes lazyfree_pending = 0;  // objects
  Bytes last_cow = 0;  // the larger of rdb_last_cow_size and aof_last_cow_size: what its last fork copied
  std::int64_t evicted_keys = 0;
  std::int64_t rejected_connections = 0;  // for maxclients
  // The allocator gives back what a growing buffer outgrew only seconds later: jemalloc since 5.3.1.
  bool holds_outgrown = false;
  Bytes base() const { return rss > working_set ? rss : working_set; }
};

// What its clients do to a server and what becomes of them, now and since it started; 0 where it does not
// say.
struct LoadReading {
  std::int64_t clients = 0, most_clients = 0;  // connected_clients, maxclients (INFO has it from 6.2 on)
  std::int64_t operations_per_second = 0;
  double cpu_seconds = 0;                       // of the whole process
  Bytes buffers = 0;                            // output and input buffers of clients and replicas
  std::int64_t commands = 0;                    // total_commands_processed
  std::int64_t redirected = 0;                  // MOVED, ASK (6.2 and later, as the next)
  std::int64_t unserved = 0;                    // TRYAGAIN, CLUSTERDOWN
  std::map<std::int64_t, std::int64_t> lasted;  // commands that took at most so many us, but more than half
};

// How a server stands with its disk, and what its child process is at.
struct PersistenceReading {
  std::string child;               // what its fork writes: "an RDB file"; empty: none runs
  std::int64_t child_seconds = 0;  // so far; 0 where it does not say
  bool save_failed = false;        // its last RDB
  bool aof_write_failed = false;   // its last write to the AOF, or the fsync of it
  bool stops_writes = true;        // stop-writes-on-bgsave-error
  Bytes aof_size = 0;              // aof_current_size
};

// What a server keeps for its replicas, and what its stream to them tells.
struct ReplicationReading {
  Bytes backlog = kMiB;               // repl-backlog-size
  Bytes hard_buffer = 256 * kMiB;     // client-output-buffer-limit of class replica; 0: none
  Bytes soft_buffer = 64 * kMiB;      // the same
  int soft_seconds = 60;              // for so long it may stand above the soft one
  bool full_sync = false;             // of a replica: master_sync_in_progress
  std::int64_t since_takeover = -1;   // bytes since another one was primary; -1: none was
  std::int64_t bytes_per_second = 0;  // to each replica, now; 0 where it does not say (before 7.0)
  std::int64_t link_seconds = -1;     // age of its oldest link to a replica; -1: none, or it may not be asked
};

struct ReplicaLink {
  std::string host;
  int port = 0;
  bool online = false;
  std::int64_t offset = 0;
};

// One server, reached through its pod.
struct NodeState {
  NodeId id;
  PodName pod;
  std::string host;  // pod IP
  int port = 6379;
  std::string run_id;
  Version version;
  Role role = Role::kPrimary;
  NodeId primary;               // of a replica
  bool primary_link_up = true;  // of a replica
  std::int64_t replication_offset = 0;
  std::vector<ReplicaLink> replicas;  // of a primary, as INFO replication has them
  bool loading = false;
  bool cluster_enabled = true;
  bool cluster_state_ok = true;
  std::int64_t current_epoch = 0;
  std::int64_t my_epoch = 0;
  SlotSet slots;  // owned, by the node's own view
  NodeView view;
  MemoryReading memory;
  LoadReading load;
  std::string maxmemory_policy = "noeviction";
  bool aof_enabled = false;
  bool save_points = false;    // any `save` line
  bool child_running = false;  // BGSAVE, AOF rewrite or a fork for a full sync
  std::int64_t keys = 0;       // INFO keyspace
  int functions = 0;           // libraries; 0 where the server has none
  std::vector<std::string> modules;
  PersistenceReading persistence;
  ReplicationReading replication;
  std::int64_t round_trip_micros = -1;  // between us and it, the quickest of the connection
  int cluster_node_timeout_millis = 15000;
  bool allow_replica_migration = true;
  int migration_barrier = 1;   // cluster-migration-barrier
  bool full_coverage = true;   // cluster-require-full-coverage
  int atomic_tasks = 0;        // atomic slot migrations under way (CLUSTER MIGRATION / GETSLOTMIGRATIONS)
  bool atomic_denied = false;  // our user may not ask for them
  std::string live_denied;     // rights of the engine LiveCopy that our user lacks, as ACL SETUSER has them
  std::int64_t uptime_seconds = 0;
  std::string announced_host;  // in its own line of CLUSTER NODES
  int announced_port = 0;
};

// Measured or estimated bytes and keys of each slot; index is the slot.
struct SlotSizes {
  std::array<Bytes, kSlotCount> bytes{};
  std::array<std::int64_t, kSlotCount> keys{};
  // What the commands to each slot's keys took (SLOT-STATS cpu-usec): since its counter began, when the slot
  // came to its owner or later; of `cpu_recent` only while it was looked at. 0 outside of `cpu_known`.
  std::array<std::int64_t, kSlotCount> cpu_usec{};
  SlotSet cpu_known, cpu_recent;
  bool exact = false;        // from SLOT-STATS memory-bytes
  double error_percent = 0;  // of a node's sum, one standard error, when sampled
  Bytes bytes_of(const SlotSet& slots) const;
};

struct ClusterState {
  std::vector<NodeState> nodes;  // sorted by id
  std::vector<Finding> findings;
  const NodeState* find(const NodeId& id) const;
  std::vector<const NodeState*> primaries() const;  // with or without slots
  std::vector<const NodeState*> replicas_of(const NodeId& id) const;
};

// How the container's memory limit can be resized in place, and how far a resize is.
struct PodResize {
  Bytes wanted = 0;         // the limit in the container's spec; 0: none
  Bytes actual = 0;         // the limit in its status, which the kubelet has made real; 0: it does not say
  std::string hindrance;    // why it is not resized, as half a sentence; empty: it can be
  bool guaranteed = false;  // its QoS class, which asks for a request that equals the limit
  std::string state;        // Deferred, Infeasible, InProgress or Error; empty: there is nothing to tell
  std::string message;      // the kubelet's words
  bool infeasible() const { return state == "Infeasible"; }  // it will not be tried again
};

// What Kubernetes says of one pod.
struct PodState {
  PodName name;
  std::string pod_namespace;
  std::string uid;
  std::string ip;
  int port = 0;
  std::string zone;       // topology.kubernetes.io/zone of the pod, empty if unknown
  std::string container;  // whose limit is the wall
  Bytes limit = 0;        // effective memory limit; 0: none
  Bytes request = 0;
  PodResize resize;
  int restart_count = 0;
  bool oom_killed = false;  // lastState.terminated.reason OOMKilled
  bool deleting = false;
  bool ready = true;
  std::string stateful_set;  // that owns it; empty: none does
  std::string revision;      // of the StatefulSet's template
  std::string operated_by;   // another operator's name, from model/other_operators.h; empty: none is known
};

const PodState* find_pod(const std::vector<PodState>& pods, const PodName& name);  // nullptr: not there

}  // namespace rebalance
