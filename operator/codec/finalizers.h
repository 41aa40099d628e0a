// A merge patch of metadata.finalizers that only fits the object in the version that it was read in.
#pragma once

#include <string>
#include <vector>

namespace rebalance {

std::string finalizers_patch(const std::string& uid, const std::string& resource_version,
                             const std::vector<std::string>& finalizers);

}  // namespace rebalance
