// What the schema alone cannot say of a spec: the rules that stand as CEL in crds/ for the API server, once
// more in C++ for files. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "api/spec.h"

namespace rebalance {

// The fields that a file sets, as paths: "spec.goal.move.assignments[0].to". Maps and lists are in it too.
using SetPaths = std::set<std::string>;

struct Violation {
  std::string path;     // "spec.headroom"
  std::string message;  // the CEL rule's sentence
  auto operator<=>(const Violation&) const = default;
};

// Every rule that is broken, in the order of the spec. A union's members and what is merely present are
// judged by `set`, values by `spec`.
std::vector<Violation> broken_rules(const RebalanceSpec& spec, const SetPaths& set);

}  // namespace rebalance
