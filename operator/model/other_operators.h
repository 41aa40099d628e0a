// Other operators that run Redis or Valkey clusters: how their pods are told from others, and how each is
// kept from moving slots or scaling meanwhile. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace rebalance {

struct OtherOperator {
  const char* name;
  const char* label;  // that its pods have
  const char* value;  // of the label; empty: any
  const char* quiet;  // what to do, as an imperative sentence
};

// By the labels of a pod, or by its name; nullptr: none that is known. A plain chart (managed-by: Helm) is
// none.
const OtherOperator* other_operator(const std::map<std::string, std::string>& labels);
const OtherOperator* other_operator(std::string_view name);

}  // namespace rebalance
