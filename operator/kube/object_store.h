// Where the objects come from that say what to do: the API server, or files.
#pragma once

#include <string>
#include <vector>

#include "api/spec.h"
#include "base/result.h"
#include "codec/kube_objects.h"
#include "model/cluster.h"

namespace rebalance {

struct Objects {
  RedisRebalance resource;
  std::vector<PodState> pods;  // those that the selector matches, sorted by name; never empty
};

// Implementations are thread-safe.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // What stands there now; read anew at each call.
  virtual Result<Objects> load() = 0;

  // The Secret in that namespace, read anew at each call, so that a rotated password is seen at the next
  // connect.
  virtual Result<SecretData> secret(const std::string& name_space, const std::string& name) = 0;
};

}  // namespace rebalance
