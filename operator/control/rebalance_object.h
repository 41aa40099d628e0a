// A RedisRebalance as the API server addresses it.
#pragma once

#include <string>

#include "api/spec.h"
#include "kube/api_client.h"
#include "kube/event_series.h"

namespace rebalance {

inline constexpr auto kFinalizer = "redisrebalance.io/moving";

inline ApiResource rebalance_resource() { return {"redisrebalance.io", "v1alpha1", "redisrebalances"}; }

inline ObjectRef reference_to(const RedisRebalance& resource) {
  return {"redisrebalance.io/v1alpha1", "RedisRebalance", resource.name_space, resource.name, resource.uid};
}

// The ConfigMap of what is long or must outlive a process: journal, plan, initial layout, log of moves.
inline std::string documents_name(const std::string& name) { return name + "-rebalance"; }

}  // namespace rebalance
