// YAML and JSON text as a tree that remembers its lines.
//
// Plain scalars get the types that kubectl gives them (sigs.k8s.io/yaml): 1 is a number, true and also yes,
// no, on and off are booleans; what is quoted is a string. JSON is read by the same reader. Bounded against
// hostile text: 64 MiB, 64 levels, 4 million nodes after aliases are put in.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rebalance {

struct YamlMember;

struct YamlNode {
  enum class Kind { kNull, kBoolean, kInteger, kFloat, kString, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 0;              // 1-based; of the value, or of its key inside a map
  std::string text;          // of a scalar, as written (without quotes)
  std::int64_t integer = 0;  // of kInteger; 0 or 1 of kBoolean
  std::vector<YamlNode> items;
  std::vector<YamlMember> members;  // in the order of the text; keys are unique

  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }

  // The member, or nullptr; also on a node that is no map.
  const YamlNode* find(std::string_view key) const;
  // The same through several maps: at({"metadata", "name"}).
  const YamlNode* at(std::initializer_list<std::string_view> path) const;
  // The scalar's text, or empty when there is none.
  std::string text_at(std::initializer_list<std::string_view> path) const;
};

struct YamlMember {
  std::string key;
  YamlNode value;
};

// All documents of a text, empty ones left out. `source` is the file's name for messages.
// kInvalidInput says "source:line: what is wrong".
Result<std::vector<YamlNode>> parse_yaml(std::string_view text, const std::string& source);

}  // namespace rebalance
