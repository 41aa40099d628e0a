// Ways from the rig's servers to the program's own connections.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "redis/observe.h"
#include "rig/cluster.h"
#include "rig/server.h"
#include "rig/temp_folder.h"

namespace rebalance {

inline std::string file_text(const std::filesystem::path& path) {
  return path.empty() ? "" : rig::read_file(path);
}

inline ConnectOptions options_to(const rig::Endpoint& endpoint, const std::string& name = "test") {
  Access access{.username = endpoint.user,
                .password = endpoint.password,
                .tls = !endpoint.ca.empty(),
                .ca = file_text(endpoint.ca),
                .certificate = file_text(endpoint.certificate),
                .key = file_text(endpoint.key),
                .server_name = ""};
  ConnectOptions options;
  options.endpoint = {endpoint.host, endpoint.port};
  options.access = [access]() -> Result<Access> { return access; };
  options.client_name = name;
  return options;
}

// The same with one thing about the access changed.
inline ConnectOptions with(ConnectOptions options, const std::function<void(Access&)>& change) {
  options.access = [give = options.access, change]() -> Result<Access> {
    auto access = give();
    change(*access);
    return access;
  };
  return options;
}

inline std::vector<NodeAccess> accesses_to(const rig::TestCluster& cluster) {
  std::vector<NodeAccess> accesses;
  for (int i = 0; i < cluster.size(); ++i) {
    accesses.push_back({"pod-" + std::to_string(i), options_to(cluster.node(i).endpoint()), nullptr});
  }
  return accesses;
}

}  // namespace rebalance
