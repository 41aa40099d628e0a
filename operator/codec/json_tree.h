// JSON text, as an API server sends it, as the same tree that YAML gives (without lines), at a fraction of
// the YAML reader's cost.
#pragma once

#include <string>
#include <string_view>

#include "codec/yaml.h"

namespace rebalance {

// kInvalidInput: "source: what is wrong". Bounded by 64 levels; the caller bounds the size.
Result<YamlNode> parse_json(std::string_view text, const std::string& source);

// The member of an object as text of its own; "{}" when it is not there.
Result<std::string> member_text(std::string_view object, const char* name);

// A pod with what decode_pod() and decode_pod_head() look at, and nothing else: about a tenth.
struct ReducedPod {
  std::string text;  // JSON
  YamlNode tree;     // the same
};
Result<ReducedPod> reduced_pod(std::string_view text);

}  // namespace rebalance
