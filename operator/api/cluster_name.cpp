#include "api/cluster_name.h"

namespace rebalance {

std::string cluster_name(const ClusterSpec& cluster) {
  for (const char* label : {"app.kubernetes.io/instance", "app.kubernetes.io/name", "app"}) {
    const auto found = cluster.match_labels.find(label);
    if (found != cluster.match_labels.end() && !found->second.empty()) return found->second;
  }
  return cluster.match_labels.empty() ? std::string() : cluster.match_labels.begin()->second;
}

}  // namespace rebalance
