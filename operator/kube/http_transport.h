// The transport of this program. The library behind it is known to http_cpprest.cpp alone.
#pragma once

#include <memory>

#include "kube/cluster_config.h"
#include "kube/transport.h"

namespace rebalance {

// Connects at the first call, and again whenever the server's address, its CA or our certificate changed.
// Its watches have connections of their own; give leases a transport of their own.
std::shared_ptr<Transport> make_http_transport(const ClusterConfig& config);

}  // namespace rebalance
