#include "reconcile/preflight_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "model/listed.h"

namespace rebalance {
namespace {

constexpr int kLostLinkSeconds = 60;  // repl-timeout's default: for so long a link may be gone unnoticed

using Names = std::vector<std::string>;

// Targets that have replicas, with the largest batch for each.
std::map<const WorldNode*, Bytes> largest_batches(const Plan& plan, const World& world) {
  std::map<const WorldNode*, Bytes> largest;
  for (const auto& batch : plan.batches) {
    const auto* target = world.find(batch.target);
    if (target == nullptr || world.replicas_of(target->id).empty()) continue;
    largest[target] = std::max(largest[target], batch.bytes);
  }
  return largest;
}

// The same kind of shortage at several targets: who, and the worst figures.
struct Shortage {
  Names pods;
  Bytes least = INT64_MAX;  // of what they have
  Bytes most = 0;           // of what is needed
  void add(const WorldNode& node, Bytes has, Bytes needs) {
    pods.push_back(node.pod);
    least = std::min(least, has);
    most = std::max(most, needs);
  }
};

// Since Redis 7.0 a limit below the backlog counts as the backlog's size.
bool backlog_is_least(const Version& version) {
  return version.kind == ServerKind::kValkey || version.major >= 7;
}

// What may wait for a replica. The soft limit counts where a batch takes longer than it may be passed.
Bytes buffer_for(const WorldNode& target, Bytes batch, const BatchSpec& spec) {
  const auto& kept = target.replication;
  const auto seconds = spec.max_bytes_per_second ? batch / std::max<Bytes>(1, *spec.max_bytes_per_second) : 0;
  Bytes least = kept.hard_buffer > 0 ? kept.hard_buffer : INT64_MAX;
  if (kept.soft_buffer > 0 && seconds >= kept.soft_seconds) least = std::min(least, kept.soft_buffer);
  return backlog_is_least(target.version) ? std::max(least, kept.backlog) : least;
}

std::optional<Finding> small_buffers(const std::map<const WorldNode*, Bytes>& largest,
                                     const BatchSpec& spec) {
  Shortage found;
  for (const auto& [target, batch] : largest) {
    const auto has = buffer_for(*target, batch, spec);
    if (has < batch) found.add(*target, has, batch);
  }
  if (found.pods.empty()) return std::nullopt;
  std::ranges::sort(found.pods);
  return Finding{
      Severity::kWarning, "ReplicaBufferSmall", listed(found.pods),
      fmt::format("client-output-buffer-limit allows {} for a replica, the largest batch has {}: a "
                  "replica that reads slower is cut off, and needs a full copy",
                  human_bytes(found.least), human_bytes(found.most)),
      "raise it for the class replica, or lower batch.maxBytes"};
}

std::optional<Finding> small_backlogs(const std::map<const WorldNode*, Bytes>& largest) {
  Shortage found;
  for (const auto& [target, batch] : largest) {
    const auto& kept = target->replication;
    const auto needs = batch + kLostLinkSeconds * kept.bytes_per_second;
    if (kept.backlog < needs) found.add(*target, kept.backlog, needs);
  }
  if (found.pods.empty()) return std::nullopt;
  std::ranges::sort(found.pods);
  return Finding{
      Severity::kWarning, "BacklogSmall", listed(found.pods),
      fmt::format("repl-backlog-size is {}; the largest batch, with what clients write in {} s, has "
                  "{}: a replica that loses its link meanwhile needs a full copy, for which its "
                  "primary forks",
                  human_bytes(found.least), kLostLinkSeconds, human_bytes(found.most)),
      fmt::format("CONFIG SET repl-backlog-size {}mb there, or lower batch.maxBytes",
                  (found.most + kMiB - 1) / kMiB)};
}

}  // namespace

std::vector<Finding> stream_findings(const Plan& plan, const World& world, const BatchSpec& spec) {
  const auto largest = largest_batches(plan, world);
  std::vector<Finding> findings;
  for (auto& finding : {small_buffers(largest, spec), small_backlogs(largest)}) {
    if (finding) findings.push_back(*finding);
  }
  return findings;
}

}  // namespace rebalance
