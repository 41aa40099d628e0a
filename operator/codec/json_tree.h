// JSON text, as an API server sends it, as the same tree that YAML gives (without lines), at a fraction of
// the YAML reader's cost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/yaml.h"

namespace rebalance {

// kInvalidInput: "source: what is wrong". Bounded by 64 levels; the caller bounds the size.
Result<YamlNode> parse_json(std::string_view text, const std::string& source);

// Of an object, or of each object of a list, the members that are named, and of these the same; all of one
// that names none. As text, without a tree of what is left out: that may be nine tenths. Only the structure
// is looked at.
struct KeptMember {
  std::string_view name;
  std::vector<KeptMember> members;
};
std::string kept(std::string_view value, const std::vector<KeptMember>& members);

}  // namespace rebalance
