#include "codec/json_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "codec/json_slice.h"

namespace rebalance {
namespace {

using nlohmann::json;

constexpr int kMostLevels = 64;

// Looked at before it is parsed: the parser's own callback doubles its time.
bool too_deep(std::string_view text) {
  int level = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (quoted && letter == '\\') ++i;
    if (letter == '"') quoted = !quoted;
    if (quoted) continue;
    if (letter == '{' || letter == '[') ++level;
    if (letter == '}' || letter == ']') --level;
    if (level > kMostLevels) return true;
  }
  return false;
}

Result<json> parsed(std::string_view text, const std::string& source) {
  if (too_deep(text)) return invalid_input(fmt::format("{}: more than {} levels", source, kMostLevels));
  try {
    return json::parse(text);
  } catch (const std::exception& problem) {
    return invalid_input(fmt::format("{}: {}", source, problem.what()));
  }
}

YamlNode tree(const json& value) {
  using Kind = YamlNode::Kind;
  YamlNode node;
  switch (value.type()) {
    case json::value_t::boolean:
      node.kind = Kind::kBoolean;
      node.integer = value.get<bool>() ? 1 : 0;
      node.text = value.dump();
      break;
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      node.kind = Kind::kInteger;
      node.integer = value.get<std::int64_t>();
      node.text = value.dump();
      break;
    case json::value_t::number_float:
      node.kind = Kind::kFloat;
      node.text = value.dump();
      break;
    case json::value_t::string:
      node.kind = Kind::kString;
      node.text = value.get<std::string>();
      break;
    case json::value_t::array:
      node.kind = Kind::kList;
      for (const auto& item : value) node.items.push_back(tree(item));
      break;
    case json::value_t::object:
      node.kind = Kind::kMap;
      for (const auto& [key, member] : value.items()) node.members.push_back({key, tree(member)});
      break;
    default: break;
  }
  return node;
}

}  // namespace

Result<YamlNode> parse_json(std::string_view text, const std::string& source) {
  TRY(document, parsed(text, source));
  return tree(document);
}

std::string kept(std::string_view value, const std::vector<KeptMember>& members) {
  const bool list = value.starts_with('[');
  if (members.empty() || (!list && !value.starts_with('{'))) return std::string(value);
  std::string inner;
  json_elements(value, [&](std::string_view item) { inner += "," + kept(item, members); });
  json_members(value, [&](std::string_view name, std::string_view member) {
    const auto found = std::ranges::find(members, name, &KeptMember::name);
    if (found != members.end()) inner += fmt::format(",\"{}\":{}", name, kept(member, found->members));
    return true;
  });
  if (!inner.empty()) inner.erase(0, 1);
  return list ? "[" + inner + "]" : "{" + inner + "}";
}

}  // namespace rebalance
