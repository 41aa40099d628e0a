#include "model/readiness.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "model/listed.h"

namespace rebalance {
namespace {

using Findings = std::vector<Finding>;
using Names = std::vector<std::string>;

constexpr int kShortMillis = 15'000;         // the servers' default
constexpr double kRecentSeconds = 600;       // of a failover
constexpr double kPingBytesPerSecond = 1.4;  // 14 bytes for each repl-ping-replica-period

void node_timeouts(const ClusterState& cluster, Findings& out) {
  std::map<int, Names> by_value;
  for (const auto& node : cluster.nodes) {
    if (node.cluster_node_timeout_millis < kShortMillis)
      by_value[node.cluster_node_timeout_millis].push_back(node.pod);
  }
  for (const auto& [millis, pods] : by_value) {
    out.push_back(
        {Severity::kWarning, "NodeTimeoutShort", pods.size() == cluster.nodes.size() ? "" : listed(pods),
         fmt::format("cluster-node-timeout is {} ms: others may call a server dead that is busy for "
                     "so long while slots move, and fail over",
                     millis),
         fmt::format("CONFIG SET cluster-node-timeout {} on every node, at least meanwhile", kShortMillis)});
  }
}

void children(const ClusterState& cluster, Findings& out) {
  for (const auto& node : cluster.nodes) {
    const auto& disk = node.persistence;
    if (disk.child.empty()) continue;
    auto evidence = fmt::format("its child process writes {}", disk.child);
    if (disk.child_seconds > 0) evidence += fmt::format(", for {} s so far", disk.child_seconds);
    if (node.memory.last_cow > 0)
      evidence += fmt::format("; the last one copied {} of its memory", human_bytes(node.memory.last_cow));
    out.push_back({Severity::kWarning, "SaveUnderWay", node.pod, std::move(evidence),
                   "wait until it has ended: each page that is written meanwhile is held twice"});
  }
}

// The pod behind a line of INFO replication, or the address where none is known there.
std::string name_of(const ClusterState& cluster, const ReplicaLink& link) {
  const auto at = std::ranges::find_if(cluster.nodes, [&](const NodeState& node) {
    return (node.host == link.host && node.port == link.port) ||
           (node.announced_host == link.host && node.announced_port == link.port);
  });
  return at != cluster.nodes.end() ? at->pod : fmt::format("{} port {}", link.host, link.port);
}

void full_syncs(const ClusterState& cluster, Findings& out) {
  for (const auto& node : cluster.nodes) {
    Names loading;
    for (const auto& link : node.replicas) {
      if (!link.online) loading.push_back(name_of(cluster, link));
    }
    for (const auto* replica : cluster.replicas_of(node.id)) {
      const bool named = std::ranges::find(loading, replica->pod) != loading.end();
      if (replica->replication.full_sync && !named) loading.push_back(replica->pod);
    }
    if (loading.empty()) continue;
    out.push_back({Severity::kWarning, "FullSyncUnderWay", node.pod,
                   fmt::format("{} {} a full copy of its {}", listed(loading),
                               loading.size() == 1 ? "loads" : "load", human_bytes(node.memory.used)),
                   "wait until it has ended: what is written meanwhile is kept for the replica as well"});
  }
}

// As the servers decide it: the AOF counts while it is on, an RDB file only where `save` is set. A replica
// obeys its primary all the same.
void refused_writes(const ClusterState& cluster, Findings& out) {
  for (const auto* node : cluster.primaries()) {
    const auto& disk = node->persistence;
    const bool save = disk.save_failed && disk.stops_writes && node->save_points;
    const bool aof = disk.aof_write_failed && node->aof_enabled;
    if (!save && !aof) continue;
    out.push_back(
        {Severity::kBlocker, "WritesRefused", node->pod,
         aof ? fmt::format("it answers MISCONF to every write: its last write to the AOF failed "
                           "(aof_last_write_status is err; the AOF has {})",
                           human_bytes(disk.aof_size))
             : "it answers MISCONF to every write: its last save failed (rdb_last_bgsave_status is err, and "
               "stop-writes-on-bgsave-error is yes)",
         "most often its disk is full: make room there and see its log; it takes writes again once that "
         "works"});
  }
}

std::string time_text(double seconds) {
  return seconds < 120 ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} min", seconds / 60);
}

std::string amount_text(std::int64_t bytes) {
  return bytes < kKiB ? fmt::format("{} bytes", bytes) : human_bytes(bytes);
}

void takeovers(const ClusterState& cluster, Findings& out) {
  for (const auto* node : cluster.primaries()) {
    const auto seconds = seconds_since_takeover(*node);
    if (seconds < 0 || seconds >= kRecentSeconds) continue;
    out.push_back({Severity::kWarning, "RecentFailover", node->pod,
                   fmt::format("took over as primary about {} ago ({} replicated since)", time_text(seconds),
                               amount_text(node->replication.since_takeover)),
                   "find out why the one before it failed: a failover in the middle of a move delays it"});
  }
}

}  // namespace

double seconds_since_takeover(const NodeState& node) {
  const auto& stream = node.replication;
  if (stream.since_takeover < 0 || node.replicas.empty()) return -1;
  const auto pace = std::max(kPingBytesPerSecond, static_cast<double>(stream.bytes_per_second));
  return std::max(static_cast<double>(stream.since_takeover) / pace,
                  static_cast<double>(stream.link_seconds));
}

std::vector<Finding> examine_readiness(const ClusterState& cluster) {
  Findings out;
  node_timeouts(cluster, out);
  children(cluster, out);
  full_syncs(cluster, out);
  refused_writes(cluster, out);
  takeovers(cluster, out);
  return out;
}

}  // namespace rebalance
