#include "model/convergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "model/listed.h"
#include "model/readiness.h"

namespace rebalance {
namespace {

constexpr Bytes kMuchLag = 10 * kMiB;
using Owners = std::array<std::int16_t, kSlotCount>;  // index into the known ids, -1: nobody
using Names = std::vector<std::string>;

const char* plural(std::size_t count) { return count == 1 ? "" : "s"; }

class Examination {
 public:
  explicit Examination(const ClusterState& cluster) : cluster_(cluster), nodes_(cluster.nodes) {
    for (const auto& node : nodes_) by_id_.emplace(node.id, &node);
  }

  std::vector<Finding> run() {
    foreign_nodes();
    missing_nodes();
    failing_nodes();
    loading();
    state_not_ok();
    unassigned();
    owned_twice();
    disagreements();
    equal_epochs();
    open_slots();
    atomic_tasks();
    addresses();
    replicas_in_sync();
    durability();
    versions();
    maxmemory();
    return std::move(findings_);
  }

 private:
  void add(Severity severity, std::string name, std::string where, std::string evidence, std::string remedy) {
    findings_.push_back(
        {severity, std::move(name), std::move(where), std::move(evidence), std::move(remedy)});
  }

  // For people: the pod, or the start of the id.
  std::string name_of(const NodeId& id) const {
    const auto* node = find(id);
    return node != nullptr ? node->pod : "node " + id.substr(0, 8);
  }

  const NodeState* find(const NodeId& id) const {
    const auto at = by_id_.find(id);
    return at == by_id_.end() ? nullptr : at->second;
  }

  void foreign_nodes();
  void missing_nodes();
  void failing_nodes();
  void loading();
  void state_not_ok();
  void unassigned();
  void owned_twice();
  void disagreements();
  void role_disagreements();
  void equal_epochs();
  void open_slots();
  void atomic_tasks();
  void addresses();
  void address_of(const NodeState& node, const Gossip& seen, const NodeState& by,
                  std::set<std::string>& told);
  void replicas_in_sync();
  void durability();
  void versions();
  void maxmemory();

  const ClusterState& cluster_;
  const std::vector<NodeState>& nodes_;
  std::unordered_map<std::string_view, const NodeState*> by_id_;
  std::vector<const NodeState*> members_;  // of the cluster proper, without foreign nodes
  std::vector<Finding> findings_;
};

// Nodes belong together when one of them lists the other.
std::vector<std::size_t> groups_of(const std::vector<NodeState>& nodes) {
  std::vector<std::size_t> leader(nodes.size());
  std::iota(leader.begin(), leader.end(), 0);
  const auto find = [&](std::size_t i) {
    while (leader[i] != i) i = leader[i] = leader[leader[i]];
    return i;
  };
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < nodes.size(); ++i) index.emplace(nodes[i].id, i);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& seen : nodes[i].view.nodes) {
      if (const auto at = index.find(seen.id); at != index.end()) leader[find(i)] = find(at->second);
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) leader[i] = find(i);
  return leader;
}

void Examination::foreign_nodes() {
  std::map<std::size_t, std::vector<const NodeState*>> groups;
  const auto group = groups_of(nodes_);
  for (std::size_t i = 0; i < nodes_.size(); ++i) groups[group[i]].push_back(&nodes_[i]);
  if (groups.empty()) return;
  const auto main =
      std::ranges::max_element(groups, {}, [](const auto& entry) { return entry.second.size(); });
  members_ = main->second;
  for (const auto& [leader, members] : groups) {
    if (leader == main->first) continue;
    Names pods;
    int slots = 0;
    for (const auto* node : members) {
      pods.push_back(node->pod);
      slots += node->slots.size();
    }
    const bool fresh = members.size() == 1 && slots == 0;
    add(Severity::kBlocker, "ForeignNode", listed(pods),
        fresh ? fmt::format("{} owns no slot and no other node knows it", listed(pods))
              : fmt::format("{} {} in another cluster ({} slots) than {}", listed(pods),
                            pods.size() == 1 ? "is" : "are", slots, main->second.front()->pod),
        fresh ? "introduce it with CLUSTER MEET, or leave its pod out of matchLabels"
              : "select the pods of one cluster only: correct matchLabels");
  }
}

void Examination::missing_nodes() {
  std::map<NodeId, const Gossip*> missing;
  for (const auto& node : nodes_) {
    for (const auto& seen : node.view.nodes) {
      if (!seen.handshake && find(seen.id) == nullptr) missing.emplace(seen.id, &seen);
    }
  }
  for (const auto& [id, seen] : missing) {
    const bool gone = seen->fail && seen->slots.empty();
    add(gone ? Severity::kWarning : Severity::kBlocker, "MissingNode", name_of(id),
        fmt::format("gossip knows {} at {} port {} ({}, {} slots{}), but no pod that was reached is it", id,
                    seen->host, seen->port, seen->role == Role::kPrimary ? "primary" : "replica",
                    seen->slots.size(), seen->fail ? ", failed" : ""),
        gone ? "remove it with CLUSTER FORGET on every node" : "select its pod too, or bring the node back");
  }
}

void Examination::failing_nodes() {
  std::map<NodeId, Names> accusers;
  std::set<NodeId> failed;
  for (const auto& node : nodes_) {
    for (const auto& seen : node.view.nodes) {
      if (!seen.pfail && !seen.fail) continue;
      if (seen.fail && seen.slots.empty() && find(seen.id) == nullptr) continue;  // MissingNode tells it
      accusers[seen.id].push_back(node.pod);
      if (seen.fail) failed.insert(seen.id);
    }
  }
  for (const auto& [id, by] : accusers) {
    add(Severity::kBlocker, "NodeFailing", name_of(id),
        fmt::format("flagged {} by {}", failed.contains(id) ? "FAIL" : "PFAIL", listed(by)),
        "wait until it answers its peers again, or let its replica take over");
  }
}

void Examination::loading() {
  for (const auto& node : nodes_) {
    if (node.loading)
      add(Severity::kBlocker, "Loading", node.pod, "it reads its data from disk", "wait until it is done");
  }
}

void Examination::state_not_ok() {
  Names pods;
  for (const auto& node : nodes_) {
    if (!node.cluster_state_ok) pods.push_back(node.pod);
  }
  if (pods.empty()) return;
  add(Severity::kBlocker, "ClusterStateNotOk", listed(pods),
      fmt::format("cluster_state is fail on {}", listed(pods)),
      "see the other findings for the cause: slots without owner, failed nodes, or a node that was not "
      "introduced");
}

void Examination::unassigned() {
  SlotSet free = SlotSet::parse("0-16383").value();
  for (const auto& node : nodes_) {
    free.remove(node.slots);
    for (const auto& seen : node.view.nodes) {
      if (!free.empty()) free.remove(seen.slots);
    }
  }
  if (free.empty() || nodes_.empty()) return;
  add(Severity::kBlocker, "SlotsUnassigned", "",
      fmt::format("{} slot{} without an owner: {}", free.size(),
                  plural(static_cast<std::size_t>(free.size())), free.text()),
      "goal Repair assigns what is empty; what a lost node owned must come back with it");
}

void Examination::owned_twice() {
  std::vector<std::int32_t> owner(kSlotCount, -1);
  std::map<std::pair<std::size_t, std::size_t>, SlotSet> twice;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].role != Role::kPrimary) continue;
    for_each_slot(nodes_[i].slots, [&](Slot slot) {
      auto& holder = owner[slot];
      if (holder >= 0) twice[{static_cast<std::size_t>(holder), i}].add(slot);
      holder = static_cast<std::int32_t>(i);
    });
  }
  for (const auto& [pair, slots] : twice) {
    const auto& [a, b] = pair;
    add(Severity::kBlocker, "SlotsOwnedTwice", fmt::format("{}, {}", nodes_[a].pod, nodes_[b].pod),
        fmt::format("both claim {} (config epochs {} and {})", slots.text(), nodes_[a].my_epoch,
                    nodes_[b].my_epoch),
        "wait for gossip to settle; if it stays, goal Repair settles it by the data");
  }
}

void fill(Owners& owners, const NodeView& view, std::unordered_map<NodeId, std::int16_t>& numbers) {
  owners.fill(-1);
  for (const auto& node : view.nodes) {
    if (node.slots.empty()) continue;
    const auto number = numbers.emplace(node.id, static_cast<std::int16_t>(numbers.size())).first->second;
    for (const auto& range : node.slots.ranges())
      std::fill_n(owners.begin() + range.first, range.size(), number);
  }
}

void Examination::disagreements() {
  if (members_.empty()) return;
  std::unordered_map<NodeId, std::int16_t> numbers;
  Owners reference;
  Owners owners;
  fill(reference, members_.front()->view, numbers);
  Names with;
  std::string example;
  for (const auto* node : members_) {
    fill(owners, node->view, numbers);
    const auto [here, there] = std::ranges::mismatch(reference, owners);
    if (here == reference.end()) continue;
    with.push_back(node->pod);
    if (!example.empty()) continue;
    const auto owner = [&](std::int16_t number) -> std::string {
      const auto at = std::ranges::find(numbers, number, [](const auto& entry) { return entry.second; });
      return at == numbers.end() ? "nobody" : name_of(at->first);
    };
    example = fmt::format("slot {} belongs to {} for {}, to {} for {}", here - reference.begin(),
                          owner(*here), members_.front()->pod, owner(*there), node->pod);
  }
  if (!with.empty()) {
    add(Severity::kBlocker, "ViewsDisagree", listed(with), example,
        "wait for gossip to settle; if it stays, look for network trouble between the nodes, and let goal "
        "Repair settle it by the data");
  }
  role_disagreements();
}

// What others say of a node's role against its own word.
void Examination::role_disagreements() {
  std::map<NodeId, Names> wrong;
  for (const auto& other : nodes_) {
    for (const auto& seen : other.view.nodes) {
      const auto* node = find(seen.id);
      if (node != nullptr && (seen.role != node->role || seen.primary != node->primary))
        wrong[seen.id].push_back(other.pod);
    }
  }
  for (const auto& [id, others] : wrong) {
    const auto& node = *find(id);
    add(Severity::kBlocker, "ViewsDisagree", node.pod,
        fmt::format("it is a {}, but not for {}",
                    node.role == Role::kPrimary ? "primary" : "replica of " + name_of(node.primary),
                    listed(others)),
        "wait until the failover or the new replica is known everywhere");
  }
}

void Examination::equal_epochs() {
  std::map<std::int64_t, std::vector<const NodeState*>> by_epoch;
  for (const auto* node : cluster_.primaries()) by_epoch[node->my_epoch].push_back(node);
  for (const auto& [epoch, nodes] : by_epoch) {
    if (nodes.size() < 2) continue;
    Names pods;
    for (const auto* node : nodes) pods.push_back(node->pod);
    const auto owners = std::ranges::count_if(nodes, [](const auto* node) { return !node->slots.empty(); });
    add(owners > 1 ? Severity::kBlocker : Severity::kWarning, "EqualConfigEpochs", listed(pods),
        fmt::format("all of them have config epoch {}: a conflict over a slot would have no winner", epoch),
        "the cluster resolves it within seconds; if it stays, run CLUSTER BUMPEPOCH on one of them");
  }
}

void Examination::open_slots() {
  for (const auto& node : nodes_) {
    if (node.view.open.empty()) continue;
    Names open;
    for (const auto& slot : node.view.open) {
      const bool leaves = slot.direction == OpenSlot::Direction::kMigrating;
      open.push_back(
          fmt::format("{} {} {}", slot.slot, leaves ? "migrating to" : "importing from", name_of(slot.peer)));
    }
    const auto evidence = fmt::format("{} open slot{}: {}", open.size(), plural(open.size()), listed(open));
    if (node.role == Role::kPrimary) {
      add(Severity::kBlocker, "OpenSlots", node.pod, evidence,
          "if another tool is moving slots, wait for it; otherwise goal Repair finishes or clears them");
    } else {
      add(Severity::kWarning, "ReplicaOpenSlots", node.pod, evidence,
          "if it stays when its primary has none, goal Repair clears it");
    }
  }
}

void Examination::atomic_tasks() {
  for (const auto& node : nodes_) {
    if (node.atomic_tasks == 0) continue;
    add(Severity::kBlocker, "ForeignMigration", node.pod,
        fmt::format("{} atomic slot migration{} under way", node.atomic_tasks,
                    plural(static_cast<std::size_t>(node.atomic_tasks))),
        "wait until it ends, or have whoever started it cancel it");
  }
}

void Examination::address_of(const NodeState& node, const Gossip& seen, const NodeState& by,
                             std::set<std::string>& told) {
  const bool unknown = seen.host.empty() || seen.noaddr;
  if (unknown || (seen.host == node.host && seen.port == node.port)) return;
  const auto address = fmt::format("{} port {}", seen.host, seen.port);
  if (!told.insert(address).second) return;
  const auto taken = std::ranges::find_if(nodes_, [&](const NodeState& other) {
    return other.id != node.id && other.host == seen.host && other.port == seen.port;
  });
  const auto evidence =
      fmt::format("{} has it at {}, its pod is at {} port {}", by.pod, address, node.host, node.port);
  if (taken != nodes_.end()) {
    add(Severity::kBlocker, "AnnouncedAddressDiffers", node.pod,
        evidence + ": that is " + taken->pod + " now",
        "wait until the nodes learn the new addresses, or run CLUSTER MEET with them");
  } else {
    add(Severity::kWarning, "AnnouncedAddressDiffers", node.pod, evidence,
        "fine if cluster-announce-ip is meant; keys are sent to the pod's address, clients and atomic "
        "migration go to the "
        "announced one");
  }
}

void Examination::addresses() {
  std::map<NodeId, std::set<std::string>> told;
  for (const auto& other : nodes_) {
    for (const auto& seen : other.view.nodes) {
      if (const auto* node = find(seen.id)) address_of(*node, seen, other, told[seen.id]);
    }
  }
}

void Examination::replicas_in_sync() {
  for (const auto& node : nodes_) {
    if (node.role != Role::kReplica) continue;
    const auto* primary = find(node.primary);
    const auto lag =
        primary == nullptr ? 0 : std::max<Bytes>(0, primary->replication_offset - node.replication_offset);
    if (node.primary_link_up && lag < kMuchLag) continue;
    add(Severity::kWarning, "ReplicaNotInSync", node.pod,
        node.primary_link_up ? fmt::format("{} behind {}", human_bytes(lag), name_of(node.primary))
                             : fmt::format("its link to {} is down", name_of(node.primary)),
        "wait until it caught up; a full sync needs memory for a fork on its primary");
  }
}

void Examination::durability() {
  for (const auto* node : cluster_.primaries()) {
    if (node->aof_enabled || node->save_points || !cluster_.replicas_of(node->id).empty()) continue;
    add(Severity::kWarning, "NoReplicaNoPersistence", node->pod,
        "it has no replica, no AOF and no save points: what it received would be lost with its process",
        "add a replica or turn on persistence, or accept it with safety.persistence: Ignore");
  }
}

void Examination::versions() {
  std::map<std::string, Names> pods;
  for (const auto& node : nodes_) {
    auto version = node.version;
    version.patch = 0;
    pods[version.text()].push_back(node.pod);
  }
  if (pods.size() < 2) return;
  Names kinds;
  for (const auto& [version, names] : pods)
    kinds.push_back(fmt::format("{} on {}", version.substr(0, version.rfind('.')), listed(names)));
  add(Severity::kWarning, "MixedVersions", "", listed(kinds),
      "finish the upgrade first: an older node cannot read a newer one's keys");
}

void Examination::maxmemory() {
  Names unset;
  Names evicting;
  for (const auto* node : cluster_.primaries()) {
    if (node->memory.maxmemory == 0) unset.push_back(node->pod);
    if (node->memory.maxmemory > 0 && node->maxmemory_policy != "noeviction") {
      evicting.push_back(fmt::format("{} ({})", node->pod, node->maxmemory_policy));
    }
  }
  if (!unset.empty()) {
    add(Severity::kWarning, "MaxmemoryUnset", listed(unset),
        "maxmemory is 0: the pod's limit is the only wall, and it kills",
        "set maxmemory below the pod's limit, with room for buffers and forks");
  }
  if (!evicting.empty()) {
    add(Severity::kWarning, "EvictionPossible", listed(evicting),
        "a full node removes keys instead of refusing writes",
        "nothing is moved that would make it evict, unless safety.eviction is Accept, as for a cache");
  }
}

}  // namespace

std::vector<Finding> examine(const ClusterState& cluster) {
  auto findings = Examination(cluster).run();
  std::ranges::move(examine_readiness(cluster), std::back_inserter(findings));
  return findings;
}

}  // namespace rebalance
