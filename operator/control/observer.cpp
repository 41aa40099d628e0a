#include "control/observer.h"

#include <algorithm>
#include <future>
#include <set>

#include "redis/sizes.h"

namespace rebalance {
namespace {

void add(SlotSizes& all, const SlotSizes& node, const SlotSet& slots) {
  for (const auto& range : slots.ranges()) {
    for (int slot = range.first; slot <= range.last; slot++) {
      all.bytes[slot] = node.bytes[slot];
      all.keys[slot] = node.keys[slot];
      all.cpu_usec[slot] = node.cpu_usec[slot];
    }
  }
  all.cpu_known.add(node.cpu_known);
  all.cpu_recent.add(node.cpu_recent);
  all.exact = all.exact && node.exact;
  all.error_percent = std::max(all.error_percent, node.error_percent);
}

}  // namespace

Observer::Observer(PodSource pods, ClusterSpec cluster, SecretReader secrets)
    : source_(std::move(pods)),
      pods_(source_()),
      cluster_(std::move(cluster)),
      secrets_(std::move(secrets)) {}

// A pod of the same name at another address is another server.
void Observer::renew_pods() {
  auto fresh = source_();
  std::erase_if(connections_, [&](const auto& entry) {
    const auto same = [&](const PodState& pod) { return pod.name == entry.first; };
    const auto before = std::ranges::find_if(pods_, same), now = std::ranges::find_if(fresh, same);
    return now == fresh.end() || before == pods_.end() || before->ip != now->ip || before->port != now->port;
  });
  pods_ = std::move(fresh);
}

ConnectOptions Observer::access(const PodName& pod, const std::string& client_name) const {
  const auto* found = find_pod(pods_, pod);
  return found == nullptr ? ConnectOptions{} : connect_options(*found, cluster_, secrets_, client_name);
}

Connection* Observer::connection(const PodName& pod) {
  auto found = connections_.find(pod);
  if (found != connections_.end() && found->second.broken()) {
    connections_.erase(found);
    found = connections_.end();
  }
  if (found == connections_.end()) {
    auto opened = Connection::open(access(pod, kLookName));
    if (!opened) return nullptr;
    found = connections_.emplace(pod, *std::move(opened)).first;
  }
  return &found->second;
}

ClusterState Observer::look() {
  renew_pods();
  std::vector<NodeAccess> accesses;
  for (const auto& pod : pods_)
    accesses.push_back({pod.name, access(pod.name, kLookName), connection(pod.name)});
  auto cluster = observe_cluster(accesses);
  // As after the end of a namespace: a cluster that cannot be seen is not one where nothing is left to do.
  if (pods_.empty()) {
    cluster.findings.push_back({Severity::kBlocker, "NoPods", "", "spec.cluster.podSelector matches no pod",
                                "nothing is known of the cluster until its pods are there again"});
  }
  return cluster;
}

SlotSizes Observer::measure(ClusterState& cluster) const {
  struct Measured {
    const NodeState* node;
    std::future<Result<SlotSizes>> sizes;
  };
  std::vector<Measured> all;
  for (const auto* node : cluster.primaries()) {
    if (node->slots.empty()) continue;
    auto options = access(node->pod, kLookName);
    all.push_back({node, std::async(std::launch::async, [node, options]() -> Result<SlotSizes> {
                     TRY(connection, Connection::open(options));
                     return measure_slots(connection, *node);
                   })});
  }
  SlotSizes sizes;
  sizes.exact = !all.empty();
  std::vector<Finding> problems;
  for (auto& [node, future] : all) {
    const auto measured = future.get();
    if (measured) {
      add(sizes, *measured, node->slots);
    } else {
      problems.push_back(
          {Severity::kBlocker, "SizesUnknown", node->pod, measured.error().message,
           "without sizes nothing is planned: see docs/acl.md for the commands that are needed"});
    }
  }
  std::ranges::move(problems, std::back_inserter(cluster.findings));
  return sizes;
}

Result<std::map<Slot, std::string>> Observer::big_keys(const PodName& pod, const SlotSet& slots,
                                                       Bytes threshold) const {
  TRY(link, Connection::open(access(pod, kLookName)));
  TRY(keys, find_big_keys(link, slots, threshold));
  std::map<Slot, std::string> found;  // keys come largest first
  for (const auto& key : keys) found.emplace(key.slot, "a " + key.type + " of " + human_bytes(key.bytes));
  return found;
}

void Observer::refresh_memory(World& world, const std::vector<NodeId>& nodes) {
  for (auto& node : world.nodes) {
    if (std::ranges::find(nodes, node.id) == nodes.end()) continue;
    Connection* link = connection(node.pod);
    if (link == nullptr) continue;
    if (auto reading = read_memory(*link)) node.memory = *std::move(reading);
  }
}

SlotSet open_slots(const ClusterState& cluster) {
  SlotSet slots;
  for (const auto& node : cluster.nodes) {
    for (const auto& open : node.view.open) slots.add({open.slot, open.slot});
  }
  return slots;
}

std::vector<Finding> without_own_moves(std::vector<Finding> findings) {
  static const std::set<std::string> kCaused{"OpenSlots",       "ReplicaOpenSlots",  "ViewsDisagree",
                                             "SlotsOwnedTwice", "EqualConfigEpochs", "ForeignMigration"};
  std::erase_if(findings, [](const Finding& finding) { return kCaused.contains(finding.name); });
  return findings;
}

}  // namespace rebalance
