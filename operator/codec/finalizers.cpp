#include "codec/finalizers.h"

#include <nlohmann/json.hpp>

namespace rebalance {

std::string finalizers_patch(const std::string& uid, const std::string& resource_version,
                             const std::vector<std::string>& finalizers) {
  return nlohmann::json{
      {"metadata", {{"uid", uid}, {"resourceVersion", resource_version}, {"finalizers", finalizers}}}}
      .dump();
}

std::string delete_options(const std::string& uid, const std::string& resource_version) {
  return nlohmann::json{{"apiVersion", "v1"},
                        {"kind", "DeleteOptions"},
                        {"propagationPolicy", "Background"},
                        {"preconditions", {{"uid", uid}, {"resourceVersion", resource_version}}}}
      .dump();
}

}  // namespace rebalance
