// What the API describes and this version does not do yet. A file that asks for it is refused by name, so
// that nobody believes in a protection that is not there; defaults that are not there yet are named by the
// plan. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/rules.h"
#include "api/spec.h"

namespace rebalance {

// One entry for each field that the file sets and this version cannot honour.
std::vector<Violation> unsupported_features(const RebalanceSpec& spec, const SetPaths& set);

// Defaults that promise something which is not there yet, for the plan's footnote:
// "coldKeys (a report of keys that nobody used for long)".
std::vector<std::string> defaulted_missing_features(const SetPaths& set);

}  // namespace rebalance
