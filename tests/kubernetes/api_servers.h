// The API servers that the conformance test runs against: what a test may ask of each is a configuration of
// an administrator. Add one by adding a line to api_servers().
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "kube/cluster_config.h"

namespace rebalance {

// Kept for as long as the test runs.
class RunningApiServer {
 public:
  virtual ~RunningApiServer() = default;
  virtual ClusterConfig admin() = 0;
};

struct ApiServerKind {
  std::string name;
  std::function<std::shared_ptr<RunningApiServer>()> start;  // may give the same one again
};

inline void PrintTo(const ApiServerKind& kind, std::ostream* out) { *out << kind.name; }

std::vector<ApiServerKind> api_servers();

}  // namespace rebalance
