// JSON as YAML in block style, for `-o yaml`. Pure.
#pragma once

#include <string>

namespace rebalance {

// `json` must be valid JSON; maps keep their order. Every string that YAML could take for something else is
// quoted.
std::string yaml_of_json(const std::string& json);

}  // namespace rebalance
