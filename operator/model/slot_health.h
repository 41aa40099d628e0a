// How many of the 16384 slots have an owner, and in what health the owners are, by the worst view of any
// node: what CLUSTER INFO of the node that sees most trouble would say. Pure.
#pragma once

#include "model/cluster.h"

namespace rebalance {

struct SlotHealth {
  int assigned = 0;  // slots that some node names an owner of
  int ok = 0;        // of those: nobody flags the owner
  int pfail = 0;     // somebody suspects the owner, nobody is sure
  int fail = 0;      // somebody flags the owner as failed
};

SlotHealth slot_health(const ClusterState& cluster);

}  // namespace rebalance
