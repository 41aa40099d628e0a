#include "reconcile/strain.h"

#include <fmt/format.h>

#include <algorithm>

#include "reconcile/baseline.h"

namespace rebalance {
namespace {

constexpr int kNearMost = 90;        // percent of maxclients
constexpr int kManyRedirected = 20;  // percent of all commands: who has an old map asks once
constexpr Bytes kMuchBuffered = 16 * kMiB;
constexpr int kBufferShareOfLimit = 20;

// Commands that certainly ran longer: one counted at a bound ran at most as long, and at least half of it.
std::int64_t longer_than(const LoadReading& load, std::chrono::microseconds than) {
  std::int64_t commands = 0;
  for (const auto& [most, count] : load.lasted) commands += most / 2 >= than.count() ? count : 0;
  return commands;
}

// What a server counts from its start.
struct Count {
  const char* what;
  std::int64_t first, since, now;
};

std::optional<std::string> more_often(const LoadSpan& span, const Count& count) {
  const auto grown = unusual(count.now - count.since, count.first, span.first.uptime_seconds, span.seconds);
  if (!grown) return std::nullopt;
  return fmt::format("{} {} {} in {:.0f} s", span.now.pod, count.what, grown->more, span.seconds);
}

std::optional<std::string> told_to_clients(const LoadSpan& span) {
  const auto& [first, since, now] = std::tie(span.first.load, span.since.load, span.now.load);
  if (auto found = more_often(
          span, {"told clients TRYAGAIN or CLUSTERDOWN:", first.unserved, since.unserved, now.unserved}))
    return found;
  const auto redirected = now.redirected - since.redirected;
  if (redirected * 100 <= (now.commands - since.commands) * kManyRedirected) return std::nullopt;
  return more_often(
      span, {"sent clients elsewhere (MOVED, ASK):", first.redirected, since.redirected, now.redirected});
}

std::optional<std::string> counted(const LoadSpan& span, std::chrono::milliseconds allowed) {
  const auto& memory = span.now.memory;
  if (auto found = more_often(
          span, {"evicted keys:", span.first.evicted_keys, span.since.evicted_keys, memory.evicted_keys}))
    return found;
  if (auto found = more_often(span, {"rejected connections:", span.first.rejected_connections,
                                     span.since.rejected_connections, memory.rejected_connections}))
    return found;
  if (auto found = told_to_clients(span)) return found;
  return more_often(
      span, {"ran commands for longer than safety.maxLatencyMillis:", longer_than(span.first.load, allowed),
             longer_than(span.since.load, allowed), longer_than(span.now.load, allowed)});
}

std::optional<std::string> levels(const LoadSpan& span) {
  const auto& load = span.now.load;
  if (load.most_clients > 0 && load.clients * 100 > load.most_clients * kNearMost)
    return fmt::format("{} has {} of at most {} clients (maxclients)", span.now.pod, load.clients,
                       load.most_clients);
  const Bytes grown = load.buffers - span.since.load.buffers;
  if (grown <= std::max(kMuchBuffered, span.now.limit / kBufferShareOfLimit)) return std::nullopt;
  return fmt::format("{} holds {} in buffers of its clients and replicas, {} more than {:.0f} s ago",
                     span.now.pod, human_bytes(load.buffers), human_bytes(grown), span.seconds);
}

}  // namespace

NodeLoad load_of(const WorldNode& node) {
  return {node.run_id, node.uptime_seconds, node.load, node.memory.evicted_keys,
          node.memory.rejected_connections};
}

std::optional<std::string> strain(const LoadSpan& span, const SafetySpec& safety) {
  const auto& now = span.now;
  if (now.lag > safety.max_replica_lag) {
    return fmt::format("{} is {} behind its primary (safety.maxReplicaLagBytes is {})", now.pod,
                       human_bytes(now.lag), human_bytes(safety.max_replica_lag));
  }
  if (now.run_id != span.since.run_id) return std::nullopt;
  if (auto found = counted(span, std::chrono::milliseconds(safety.max_latency_millis))) return found;
  return levels(span);
}

}  // namespace rebalance
