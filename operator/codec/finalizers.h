// What goes to the API server for the object in the version that it was read in alone, and for no namesake.
#pragma once

#include <string>
#include <vector>

namespace rebalance {

// A merge patch of metadata.finalizers.
std::string finalizers_patch(const std::string& uid, const std::string& resource_version,
                             const std::vector<std::string>& finalizers);

// The body of a DELETE. What the object owns goes after it.
std::string delete_options(const std::string& uid, const std::string& resource_version);

}  // namespace rebalance
