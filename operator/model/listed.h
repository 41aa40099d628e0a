// Names in a sentence. Pure.
#pragma once

#include <string>
#include <vector>

namespace rebalance {

std::string listed(const std::vector<std::string>& names);  // "a, b and 7 more": at most eight are named

}  // namespace rebalance
