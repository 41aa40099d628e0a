#include "cli/pod_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/words.h"
#include "model/other_operators.h"
#include "plan/headroom.h"
#include "reconcile/preflight.h"

namespace rebalance {
namespace {

using Findings = std::vector<Finding>;

void look_at_life(const PodState& pod, Findings& out) {
  if (!pod.ready) {
    out.push_back({Severity::kWarning, "NotReady", pod.name, "the pod is not ready",
                   "kubectl describe pod " + pod.name});
  }
  if (pod.oom_killed) {
    out.push_back({Severity::kWarning, "OomKilledBefore", pod.name,
                   fmt::format("its container was killed at its memory limit ({})", limit_text(pod.limit)),
                   "see below which limit suffices"});
  } else if (pod.restart_count > 0) {
    out.push_back({Severity::kWarning, "RestartedBefore", pod.name,
                   fmt::format("restarted {} times", pod.restart_count),
                   "kubectl logs --previous " + pod.name});
  }
}

bool look_at_limit(const PodState& pod, const HeadroomSpec& spec, Findings& out) {
  if (pod.limit > 0) return true;
  if (spec.assumed_limit) {
    out.push_back({Severity::kWarning, "LimitAssumed", pod.name,
                   fmt::format("no memory limit; {} is assumed (headroom.assumedLimit)",
                               human_bytes(*spec.assumed_limit)),
                   "set resources.limits.memory"});
    return true;
  }
  out.push_back({Severity::kBlocker, "NoLimit", pod.name,
                 "the container has no memory limit: nothing says what fits",
                 "set resources.limits.memory, or headroom.assumedLimit"});
  return false;
}

void look_at_memory(const WorldNode& node, const HeadroomSpec& spec, Findings& out) {
  const auto walls = walls_of(node, spec);
  const auto base = node.memory.base();
  const auto stands = fmt::format("stands at {} of {} ({})", human_bytes(base), human_bytes(walls.limit),
                                  percent_text(base, walls.limit));
  if (base > walls.flood) {
    out.push_back({Severity::kBlocker, "AboveFlood", node.pod,
                   fmt::format("{}, above the flood mark of {}", stands, human_bytes(walls.flood)),
                   "raise its limit before anything moves"});
  } else if (base > walls.high) {
    out.push_back({Severity::kWarning, "AboveHighWatermark", node.pod,
                   fmt::format("{}, above the high watermark of {}: it receives nothing", stands,
                               human_bytes(walls.high)),
                   "let it give slots to a pod with room"});
  }
  const auto full =
      static_cast<Bytes>(static_cast<double>(node.memory.maxmemory) * NodeFactors{}.fragmentation);
  if (full > walls.limit) {
    out.push_back(
        {Severity::kWarning, "MaxmemoryAboveLimit", node.pod,
         fmt::format("maxmemory {} needs about {} when it is full; the limit is {}",
                     human_bytes(node.memory.maxmemory), human_bytes(full), human_bytes(walls.limit)),
         "lower maxmemory or raise the limit: as it is, the kernel is quicker than maxmemory"});
  }
}

// One for each operator: a cluster has one as a rule.
void look_at_operators(const std::vector<PodState>& pods, Findings& out) {
  std::map<std::string, int> of;
  for (const auto& pod : pods) {
    if (!pod.operated_by.empty()) ++of[pod.operated_by];
  }
  for (const auto& [name, count] : of) {
    const auto* other = other_operator(name);
    if (other == nullptr) continue;
    const auto label =
        *other->value == '\0' ? std::string(other->label) : fmt::format("{}={}", other->label, other->value);
    out.push_back({Severity::kWarning, "OtherOperator", "",
                   fmt::format("{} of {} pods are run by {} (label {}), which moves slots itself", count,
                               pods.size(), name, label),
                   other->quiet});
  }
}

struct Group {
  const char* name;
  const char* evidence;  // {} is the number of nodes
  std::vector<std::string> of;
};

const std::vector<Group>& groups() {
  static const std::vector<Group> kGroups = {
      {"Reachable",
       "{} nodes answered, and are one cluster",
       {"NodeUnreachable", "MissingNode", "ForeignNode", "Loading"}},
      {"Agreement",
       "{} nodes name the same owner for each slot",
       {"ViewsDisagree", "SlotsUnassigned", "SlotsOwnedTwice", "EqualConfigEpochs"}},
      {"Health",
       "cluster_state is ok and nobody is suspected on {} nodes",
       {"ClusterStateNotOk", "NodeFailing"}},
      {"NoOpenSlots",
       "no slot is migrating or importing on {} nodes",
       {"OpenSlots", "ReplicaOpenSlots", "ForeignMigration"}},
      {"Quiet",
       "no save, full sync or recent failover on {} nodes, and all take writes",
       {"SaveUnderWay", "FullSyncUnderWay", "RecentFailover", "WritesRefused"}},
      {"Limits", "{} pods have a memory limit", {"NoLimit", "LimitAssumed"}},
      {"Memory",
       "{} pods stand below their high watermark, and their limits hold their maxmemory",
       {"AboveFlood", "AboveHighWatermark", "MaxmemoryAboveLimit", "NoLimit"}},
      {"Pods",
       "{} pods are ready and were never restarted",
       {"PodDeleting", "RolloutUnderWay", "NotReady", "OomKilledBefore", "RestartedBefore"}},
      {"Permissions", "all that is needed may be read on {} nodes", {"CannotRead", "NodeUnreachable"}},
  };
  return kGroups;
}

}  // namespace

std::vector<Finding> pod_findings(const std::vector<PodState>& pods, const World& world,
                                  const HeadroomSpec& spec) {
  Findings out;
  for (const auto& pod : pods) {
    const auto* node = world.find_pod(pod.name);
    if (node != nullptr) {
      if (auto finding = leaving(*node)) out.push_back(std::move(*finding));
    }
    look_at_life(pod, out);
    const bool limited = look_at_limit(pod, spec, out);
    if (limited && node != nullptr) look_at_memory(*node, spec, out);
  }
  look_at_operators(pods, out);
  return out;
}

std::vector<Finding> arranged(std::vector<Finding> findings, const World& world) {
  std::set<std::string> names;
  std::set<std::pair<std::string, std::string>> said;
  std::erase_if(findings, [&](const auto& finding) {
    names.insert(finding.name);
    return !said.emplace(finding.name, finding.where).second;
  });
  std::ranges::stable_sort(findings, std::greater(), &Finding::severity);
  for (const auto& group : groups()) {
    if (std::ranges::any_of(group.of, [&](const auto& name) { return names.contains(name); })) continue;
    findings.push_back(
        {Severity::kOk, group.name, "", fmt::format(fmt::runtime(group.evidence), world.nodes.size()), ""});
  }
  return findings;
}

}  // namespace rebalance
