// What hosts are called.
#pragma once

#include <string>

namespace rebalance {

std::string host_name();  // of this machine or pod; "unknown" where the system does not say

bool is_ip_literal(const std::string& host);  // IPv4, or IPv6 without brackets

}  // namespace rebalance
