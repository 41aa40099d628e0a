// The cluster at rest: has each pod the memory to rebalance, to take over from any one lost primary, and to
// persist? And which limit, request and maxmemory would be enough for all three. Pure; the model of
// headroom.h.
//
//   rebalance  it holds its share of the data (weights counted), received batch by batch under its ceiling; a
//   replica
//              receives what its primary does
//   take over  a lost primary with replicas is followed by any of them, which then serves full copies to the
//   others; one
//              without has its slots spread over the remaining primaries (and their replicas)
//   persist    a fork for a save, an AOF rewrite or a replica's full copy stays under the flood mark
#pragma once

#include <string>
#include <vector>

#include "api/spec.h"
#include "model/world.h"

namespace rebalance {

struct Ability {
  bool can = true;
  Bytes would_be = 0;    // the pod's memory then
  Bytes may_be = 0;      // the wall that is nearest
  std::string sentence;  // with figures, for either answer
};

struct PodSteady {
  PodName pod;
  Role role = Role::kPrimary;
  Bytes limit = 0, maxmemory = 0;  // now
  Ability rebalance, take_over, persist;
  Bytes need_limit = 0, need_maxmemory = 0;  // of this pod
};

struct Steady {
  std::vector<PodSteady> pods;  // sorted by name
  // Enough for every pod, since pods of a StatefulSet share one template; the limit also holds a maxmemory
  // that is full. Rounded up to whole MiB. The request equals the limit: a pod that is never above its
  // request is never evicted for memory by the kubelet.
  Bytes limit = 0, request = 0, maxmemory = 0;
  bool all() const;
};

Steady judge_steady(const World& world, const RebalanceSpec& spec);

}  // namespace rebalance
