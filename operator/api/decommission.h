// What a pod that was drained is still good for. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/spec.h"
#include "model/world.h"

namespace rebalance {

inline constexpr const char* kStillNeeded = "StillNeeded";  // the reason where one is

struct Decommission {
  std::vector<PodName> safe;        // own no slot, hold no key, and no primary's minReplicas counts on them
  std::vector<std::string> needed;  // of each other one, a sentence
};
bool names(const DrainGoal& drain, const PodName& pod, const NodeId& id);
// Of the pods and nodes that goal Drain names; one that has left the cluster is none of its.
Decommission judge_drained(const RebalanceSpec& spec, const World& world);

}  // namespace rebalance
