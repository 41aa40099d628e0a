// Objects as an informer keeps them: what an API server sent, reduced to what is asked of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/kube_objects.h"
#include "codec/status_codec.h"

namespace rebalance {

struct StoredRebalance {
  std::string name, name_space, uid, resource_version;
  std::int64_t generation = 0;
  bool deleting = false;
  std::vector<std::string> finalizers;
  StatusDocument status;  // as the last writer left it; one that cannot be read counts as none

  std::optional<RedisRebalance> resource;  // nullopt: `invalid` says why
  std::string invalid;
};

// kInvalidInput: not an object at all. A spec that cannot be used is no error: it is told in the status.
Result<StoredRebalance> decode_stored_rebalance(std::string_view json);

struct StoredPod {
  PodHead head;
  std::string text;  // JSON of what decode_pod() looks at: about a tenth
};

Result<StoredPod> decode_stored_pod(std::string_view json);

// The pods of that namespace that the selector matches, sorted by name; those that cannot be nodes are left
// out. kInvalidInput: one of them has no such container or port.
Result<std::vector<PodState>> select_pods(const std::vector<const StoredPod*>& pods,
                                          const RedisRebalance& resource);

}  // namespace rebalance
