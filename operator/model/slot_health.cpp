#include "model/slot_health.h"

namespace rebalance {

SlotHealth slot_health(const ClusterState& cluster) {
  SlotSet assigned, suspected, failed;
  for (const auto& node : cluster.nodes) {
    assigned.add(node.slots);
    for (const auto& gossip : node.view.nodes) {
      assigned.add(gossip.slots);
      if (gossip.fail) failed.add(gossip.slots);
      if (gossip.pfail) suspected.add(gossip.slots);
    }
  }
  suspected.remove(failed);
  const int fail = failed.size(), pfail = suspected.size(), all = assigned.size();
  return {all, all - pfail - fail, pfail, fail};
}

}  // namespace rebalance
