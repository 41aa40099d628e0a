// A named observation with its evidence and what to do about it. Pure.
#pragma once

#include <compare>
#include <string>
#include <vector>

namespace rebalance {

enum class Severity { kOk, kWarning, kBlocker };

struct Finding {
  Severity severity = Severity::kOk;
  std::string name;      // CamelCase, from the documented list: "OpenSlots", "ViewsDisagree"
  std::string where;     // pod or node, empty for the whole cluster
  std::string evidence;  // a sentence with figures
  std::string remedy;    // may be empty
  auto operator<=>(const Finding&) const = default;
};

// The first blocker, or nullptr.
const Finding* first_blocker(const std::vector<Finding>& findings);

std::string fact_of(const Finding& finding);      // "redis-1: 0 of 1 replicas are in sync"
std::string sentence_of(const Finding& finding);  // the fact, "; ", and what to do about it

}  // namespace rebalance
