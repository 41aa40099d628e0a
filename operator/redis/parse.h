// Reads what servers say about themselves; no I/O. Tolerant: every version from Redis 6.0 and Valkey 7.2 on
// adds fields and flags, and what is not known is passed over. Sources: redis.io/commands/cluster-nodes,
// info, role.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "redis/reply.h"

namespace rebalance {

// CLUSTER NODES. Addresses come as "ip:port@bus", "ip:port@bus,hostname,key=value...", with IPv6 literals
// bare, empty
// ":0@0" without address, and without "@bus" before 4.0; the node's own line also holds "[93->-id]" and
// "[93-<-id]". kInvalidInput quotes a line that is none.
Result<NodeView> parse_cluster_nodes(std::string_view text);

// "name:value" lines: INFO and CLUSTER INFO.
class Info {
 public:
  explicit Info(std::string text);
  Info(const Info&) = delete;  // views point into text_
  Info& operator=(const Info&) = delete;

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string_view text(std::string_view name) const;  // empty when it is not there
  std::int64_t number(std::string_view name, std::int64_t otherwise = 0) const;
  bool flag(std::string_view name) const { return number(name) != 0; }
  std::vector<std::string_view> all(std::string_view name) const;  // of lines that repeat: "module"

 private:
  using Field = std::pair<std::string_view, std::string_view>;
  const Field* find(std::string_view name) const;
  std::string text_;
  std::vector<Field> fields_;  // sorted by name
};

// "a=1,b=2" -> the value of `name`; empty when it is not there.
std::string_view inner_field(std::string_view text, std::string_view name);

// Of a line of CLIENT LIST, "id=3 addr=127.0.0.1:1 name=x": the value of `name`; empty when it is not there.
std::string_view client_field(std::string_view line, std::string_view name);

// Of CLIENT LIST: the seconds since the oldest of them came; -1 where there is none.
std::int64_t oldest_client(std::string_view list);

Version parse_version(const Info& info);  // Valkey says redis_version 7.2.4 and its own in valkey_version
MemoryReading parse_memory(const Info& info);            // sections memory and stats
LoadReading parse_load(const Info& info);                // all but `lasted`
PersistenceReading parse_persistence(const Info& info);  // all but what is configured
ReplicationReading parse_replication(const Info& info);  // the same
std::vector<ReplicaLink> parse_replicas(const Info& info);
std::vector<std::string> parse_modules(const Info& info);

struct RoleState {
  Role role = Role::kPrimary;
  std::string primary_host;  // of a replica
  int primary_port = 0;
  bool link_up = true;
  std::int64_t offset = 0;
};
Result<RoleState> parse_role(const Reply& reply);

// CONFIG GET: an array of names and values; an error (no permission) gives nothing.
std::map<std::string, std::string> parse_config(const Reply& reply);

// client-output-buffer-limit, "normal 0 0 0 slave 268435456 67108864 60 pubsub ...": what it says of
// replicas.
void read_buffer_limit(std::string_view limits, ReplicationReading& replication);

// LATENCY HISTOGRAM (Redis 7.0, Valkey): of all commands together, how many lasted how long; its bounds are
// powers of two.
std::map<std::int64_t, std::int64_t> parse_histogram(const Reply& reply);

// Tasks that are not over, of CLUSTER MIGRATION STATUS ALL (Redis) and CLUSTER GETSLOTMIGRATIONS (Valkey). A
// failed Redis import counts: the target tries again each second until it is cancelled.
int count_atomic_tasks(const Reply& reply);

}  // namespace rebalance
