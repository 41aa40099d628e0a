#include "codec/finalizers.h"

#include <nlohmann/json.hpp>

namespace rebalance {

std::string finalizers_patch(const std::string& uid, const std::string& resource_version,
                             const std::vector<std::string>& finalizers) {
  return nlohmann::json{
      {"metadata", {{"uid", uid}, {"resourceVersion", resource_version}, {"finalizers", finalizers}}}}
      .dump();
}

}  // namespace rebalance
