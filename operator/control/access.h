// How the server of a pod is reached: address from the pod, credentials and certificates from secrets, which
// are read again at each connect so that a rotated one is picked up.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "api/spec.h"
#include "model/cluster.h"
#include "redis/connection.h"

namespace rebalance {

// The decoded entries of one secret in the resource's namespace.
using SecretReader = std::function<Result<std::map<std::string, std::string>>(const std::string& name)>;

ConnectOptions connect_options(const PodState& pod, const ClusterSpec& cluster, const SecretReader& secrets,
                               const std::string& client_name);

}  // namespace rebalance
