#include "codec/json_tree.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

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

// The members of `from` that are named, where they are there.
json picked(const json& from, std::initializer_list<const char*> names) {
  json out = json::object();
  if (!from.is_object()) return out;
  for (const char* name : names) {
    if (const auto found = from.find(name); found != from.end()) out[name] = *found;
  }
  return out;
}

json picked_each(const json& from, const char* list, std::initializer_list<const char*> names) {
  json out = json::array();
  if (!from.is_object() || !from.contains(list) || !from[list].is_array()) return out;
  for (const auto& item : from[list]) out.push_back(picked(item, names));
  return out;
}

}  // namespace

Result<YamlNode> parse_json(std::string_view text, const std::string& source) {
  TRY(document, parsed(text, source));
  return tree(document);
}

Result<std::string> member_text(std::string_view object, const char* name) {
  TRY(whole, parsed(object, name));
  return whole.is_object() && whole.contains(name) ? whole[name].dump() : std::string("{}");
}

Result<ReducedPod> reduced_pod(std::string_view text) {
  TRY(pod, parsed(text, "a pod"));
  const json empty = json::object();
  const auto part = [&](const char* name) -> const json& {
    return pod.is_object() && pod.contains(name) ? pod[name] : empty;
  };
  json out{
      {"kind", "Pod"},
      {"metadata", picked(part("metadata"), {"name", "namespace", "uid", "labels", "deletionTimestamp"})},
      {"spec", picked(part("spec"), {"resources"})},
      {"status", picked(part("status"), {"phase", "podIP", "resources"})}};
  out["metadata"]["ownerReferences"] = picked_each(part("metadata"), "ownerReferences", {"kind", "name"});
  out["status"]["conditions"] = picked_each(part("status"), "conditions", {"type", "status"});
  for (const char* list : {"containers", "initContainers"}) {
    out["spec"][list] = picked_each(part("spec"), list, {"name", "ports", "resources", "restartPolicy"});
    const std::string statuses =
        list == std::string("containers") ? "containerStatuses" : "initContainerStatuses";
    out["status"][statuses] =
        picked_each(part("status"), statuses.c_str(),
                    {"name", "resources", "restartCount", "state", "lastState", "ready"});
  }
  return ReducedPod{out.dump(), tree(out)};
}

}  // namespace rebalance
