// Looks at all servers of a cluster through their pods, again and again, on connections that are kept. Read
// only. Not thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/access.h"
#include "model/world.h"
#include "redis/observe.h"

namespace rebalance {

// CLIENT SETNAME of connections that only read: no claim.
inline constexpr const char* kLookName = "redis-rebalance-look";

// The pods as they are now: files give the same each time, an API server what its last event said.
using PodSource = std::function<std::vector<PodState>()>;

class Observer {
 public:
  Observer(PodSource pods, ClusterSpec cluster, SecretReader secrets);

  ClusterState look();  // asks the source for the pods first
  // Bytes and keys of each slot, of all primaries side by side; what cannot be measured is a finding in
  // `cluster`.
  SlotSizes measure(ClusterState& cluster) const;
  // Slots of that node with a key of at least `threshold`, and how big the biggest is.
  Result<std::map<Slot, std::string>> big_keys(const PodName& pod, const SlotSet& slots,
                                               Bytes threshold) const;
  // Memory alone, of the nodes of `world` that are named; a node that does not answer keeps what it has.
  void refresh_memory(World& world, const std::vector<NodeId>& nodes);

  const std::vector<PodState>& pods() const { return pods_; }
  ConnectOptions access(const PodName& pod, const std::string& client_name) const;

 private:
  Connection* connection(const PodName& pod);  // nullptr: cannot be reached
  void renew_pods();
  PodSource source_;
  std::vector<PodState> pods_;
  ClusterSpec cluster_;
  SecretReader secrets_;
  std::map<PodName, Connection> connections_;
};

// Slots that any node marks migrating or importing.
SlotSet open_slots(const ClusterState& cluster);

// While own batches run, the cluster is neither closed nor of one mind: findings that they cause are left
// out.
std::vector<Finding> without_own_moves(std::vector<Finding> findings);

}  // namespace rebalance
