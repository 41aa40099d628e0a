// What a resource's cluster is called, in the status and as a label of metrics. Pure.
#pragma once

#include <string>

#include "api/spec.h"

namespace rebalance {

// The instance that the pod selector names (app.kubernetes.io/instance, else app.kubernetes.io/name, else
// app), else the value of the selector's first label: known before any pod is, and the same for every
// resource that selects the same pods. At most 63 characters, as a label's value has.
std::string cluster_name(const ClusterSpec& cluster);

}  // namespace rebalance
