#include "codec/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <string_view>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace rebalance {

extern const std::string_view kRebalanceCrd;

namespace {

using nlohmann::json;

std::string child(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}
std::string child(const std::string& path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

// 1e6 and 2.0 are whole numbers in JSON's eyes, and so in the API server's.
json float_of(const std::string& text) {
  constexpr double kExact = 9007199254740992;  // 2^53
  const double value = std::strtod(text.c_str(), nullptr);
  if (std::abs(value) < kExact && std::trunc(value) == value) return static_cast<std::int64_t>(value);
  return value;
}

json scalar(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kBoolean: return node.integer != 0;
    case YamlNode::Kind::kInteger: return node.integer;
    case YamlNode::Kind::kFloat: return float_of(node.text);
    case YamlNode::Kind::kString: return node.text;
    default: return nullptr;
  }
}

// Edits (insert, remove, replace) between two words, letters' case aside.
std::size_t distance(std::string_view a, std::string_view b) {
  const auto same = [](char x, char y) { return std::tolower(x) == std::tolower(y); };
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (const char letter : a) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (same(letter, b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, diagonal + 1, replaced});
    }
  }
  return row.back();
}

std::string unknown_sentence(std::string_view name, const json& known) {
  constexpr std::size_t kLongestName = 64;
  std::string nearest;
  std::size_t fewest = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& [candidate, schema] : known.items()) {
    if (name.size() > kLongestName) break;
    const auto edits = distance(name, candidate);
    if (edits < fewest) {
      fewest = edits;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "unknown field" : fmt::format("unknown field; did you mean {}?", nearest);
}

void find_unknown(const YamlNode& node, const json& schema, const std::string& path,
                  std::vector<Violation>& found) {
  if (const auto items = schema.find("items"); items != schema.end()) {
    for (std::size_t i = 0; i < node.items.size(); ++i)
      find_unknown(node.items[i], *items, child(path, i), found);
  }
  const auto properties = schema.find("properties");
  if (properties == schema.end()) return;  // free-form: metadata, labels
  for (const auto& [name, value] : node.members) {
    const auto known = properties->find(name);
    if (known == properties->end()) {
      found.push_back({child(path, name), unknown_sentence(name, *properties)});
    } else {
      find_unknown(value, *known, child(path, name), found);
    }
  }
}

void collect_paths(const YamlNode& node, const std::string& path, SetPaths& paths) {
  if (node.kind == YamlNode::Kind::kNull) return;
  if (!path.empty()) paths.insert(path);
  for (const auto& [name, value] : node.members) collect_paths(value, child(path, name), paths);
  for (std::size_t i = 0; i < node.items.size(); ++i) collect_paths(node.items[i], child(path, i), paths);
}

// The schema and the value at one place, followed down together.
struct Place {
  const json* value;
  const json* schema;
  std::string path;
};

const json& schema_below(const json& value, const json& schema, const std::string& name) {
  if (value.is_array()) return schema.at("items");
  if (const auto properties = schema.find("properties"); properties != schema.end()) {
    if (const auto known = properties->find(name); known != properties->end()) return *known;
  }
  return schema.at("additionalProperties");
}

// One step of valijson's context: "[spec]", "[0]".
Place step_down(const Place& place, std::string_view step) {
  const auto name = std::string(step.substr(1, step.size() - 2));
  const json& schema = schema_below(*place.value, *place.schema, name);
  if (!place.value->is_array()) return {&place.value->at(name), &schema, child(place.path, name)};
  const auto index = static_cast<std::size_t>(std::stoul(name));
  return {&place.value->at(index), &schema, child(place.path, index)};
}

// What `find` finds first in what is below, with the path to it, which is made only then.
template <typename Find>
std::optional<Violation> first_below(const json& value, const json& schema, Find find) {
  for (const auto& [name, below] : value.items()) {
    std::optional<Violation> found = find(below, schema_below(value, schema, name));
    if (!found) continue;
    const auto here = value.is_array() ? "[" + name + "]" : name;
    const bool joined = found->path.empty() || found->path.starts_with('[');
    return Violation{here + (joined ? "" : ".") + found->path, std::move(found->message)};
  }
  return std::nullopt;
}

std::string shown(const json& value) {
  constexpr std::size_t kShown = 64;
  auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return text;
}

std::string wanted_type(const json& schema) {
  if (schema.contains("x-kubernetes-int-or-string")) return "a number or a string";
  const auto type = schema.value("type", "");
  if (type == "object") return "a map";
  if (type == "array") return "a list";
  return type == "integer" ? "a whole number" : "a " + type;
}

bool has_type(const json& value, const json& schema) {
  if (schema.contains("x-kubernetes-int-or-string")) return value.is_number_integer() || value.is_string();
  const auto type = schema.value("type", "");
  return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
         (type == "string" && value.is_string()) || (type == "integer" && value.is_number_integer());
}

std::string type_sentence(const json& value, const json& schema) {
  const bool needs_quotes = schema.value("type", "") == "string" && value.is_primitive();
  return fmt::format(
      "must be {}, not {}{}", wanted_type(schema), shown(value),
      needs_quotes ? ": put it in quotes (YAML takes plain no, yes, on, off and numbers for other types)"
                   : "");
}

std::string bounds_sentence(const json& value, const json& schema) {
  const auto bound = [&](const char* name) { return schema.value(name, std::int64_t{0}); };
  if (value.is_number()) {
    if (!schema.contains("maximum"))
      return fmt::format("must be at least {}, not {}", bound("minimum"), shown(value));
    return fmt::format("must be from {} to {}, not {}", bound("minimum"), bound("maximum"), shown(value));
  }
  if (value.is_array()) return fmt::format("must have {} to {} items", bound("minItems"), bound("maxItems"));
  return fmt::format("must have {} to {} entries", bound("minProperties"), bound("maxProperties"));
}

std::string string_sentence(const std::string& value, const json& schema) {
  const auto longest = schema.value("maxLength", std::size_t{0});
  if (value.size() > longest) return fmt::format("must have at most {} characters", longest);
  if (value.empty()) return "must not be empty";
  const auto pattern = schema.value("pattern", std::string());
  if (pattern.find("KMGTPE") != std::string::npos) {
    return fmt::format("{} is not a quantity: write a number and a suffix such as 512Mi or 2Gi",
                       shown(value));
  }
  return fmt::format("{} does not have the form {}", shown(value), pattern);
}

// A sentence for a person, where valijson only says which constraint failed.
std::string sentence(const Place& place, const std::string& fallback) {
  const auto& [value, schema, path] = place;
  if (!has_type(*value, *schema)) return type_sentence(*value, *schema);
  if (const auto words = schema->find("enum"); words != schema->end()) {
    return fmt::format("must be one of {}, not {}", fmt::join(words->get<std::vector<std::string>>(), ", "),
                       shown(*value));
  }
  for (const auto& name : schema->value("required", json::array())) {
    if (value->is_object() && !value->contains(name))
      return fmt::format("{} is missing", name.get<std::string>());
  }
  if (value->is_string()) return string_sentence(*value, *schema);
  if (!value->is_null()) return bounds_sentence(*value, *schema);
  return fallback;
}

// What std::regex would follow by recursion has to be short: lengths are seen to before any pattern.
std::optional<Violation> find_too_long(const json& value, const json& schema) {
  constexpr std::size_t kLongestText = 32768;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() <= schema.value("maxLength", kLongestText)) return std::nullopt;
    return Violation{{}, string_sentence(text, schema)};
  }
  const bool known =
      schema.contains("properties") || schema.contains("additionalProperties") || schema.contains("items");
  if (!value.is_structured() || !known || !has_type(value, schema)) return std::nullopt;
  return first_below(value, schema, find_too_long);
}

std::unique_ptr<const valijson::Schema> compile(const json& schema) {
  auto compiled = std::make_unique<valijson::Schema>();
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema), *compiled);
  return compiled;
}

std::optional<Violation> find_type_or_pattern(const json& value, const json& schema) {
  // Takes longer than the check itself, so for the schema of all resources it is done once.
  static const auto usual = compile(rebalance_schema());
  const auto other = &schema == &rebalance_schema() ? nullptr : compile(schema);
  const auto& compiled = other ? *other : *usual;
  thread_local valijson::Validator validator(valijson::Validator::kStrongTypes);  // keeps compiled patterns
  valijson::ValidationResults results;
  if (validator.validate(compiled, valijson::adapters::NlohmannJsonAdapter(value), &results))
    return std::nullopt;

  valijson::ValidationResults::Error deepest;  // the first one pushed
  results.popError(deepest);
  Place place{&value, &schema, {}};
  for (std::size_t i = 1; i < deepest.context.size(); ++i) place = step_down(place, deepest.context[i]);
  return Violation{place.path, sentence(place, deepest.description)};
}

// The identity of a list's item: the item itself in a set, its keys in a map.
json identity(const json& item, const json& schema) {
  if (schema.value("x-kubernetes-list-type", "") == "set") return item;
  json keys;
  for (const auto& name : schema.at("x-kubernetes-list-map-keys")) keys[name] = item.at(name);
  return keys;
}

std::optional<Violation> find_twice(const json& value, const json& schema) {
  const auto type = value.is_array() ? schema.value("x-kubernetes-list-type", "") : std::string();
  if (type == "set" || type == "map") {
    std::set<json> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (const auto key = identity(value[i], schema); !seen.insert(key).second)
        return Violation{child({}, i), fmt::format("{} stands in the list twice", shown(key))};
    }
  }
  const bool known = schema.contains("properties") || schema.contains("items");
  if (!value.is_structured() || !known) return std::nullopt;
  return first_below(value, schema, find_twice);
}

}  // namespace

const json& rebalance_schema() {
  static const json schema = [] {
    const auto documents = parse_yaml(kRebalanceCrd, "crds/redisrebalances.yaml").value();
    return json_of(documents.front()).at("spec").at("versions").at(0).at("schema").at("openAPIV3Schema");
  }();
  return schema;
}

json json_of(const YamlNode& node) {
  if (node.is_map()) {
    json map = json::object();
    for (const auto& [name, value] : node.members) {
      if (value.kind != YamlNode::Kind::kNull) map[name] = json_of(value);
    }
    return map;
  }
  if (!node.is_list()) return scalar(node);
  json list = json::array();
  for (const auto& item : node.items) list.push_back(json_of(item));
  return list;
}

std::vector<Violation> unknown_fields(const YamlNode& node, const json& schema) {
  std::vector<Violation> found;
  find_unknown(node, schema, {}, found);
  return found;
}

void apply_defaults(json& value, const json& schema) {
  const auto properties = schema.find("properties");
  if (value.is_object() && properties != schema.end()) {
    for (const auto& [name, below] : properties->items()) {
      if (!value.contains(name) && below.contains("default")) value[name] = below.at("default");
      if (value.contains(name)) apply_defaults(value[name], below);
    }
  }
  if (!value.is_array() || !schema.contains("items")) return;
  for (auto& item : value) apply_defaults(item, schema.at("items"));
}

std::optional<Violation> first_mismatch(const json& value, const json& schema) {
  if (auto found = find_too_long(value, schema)) return found;
  if (auto found = find_type_or_pattern(value, schema)) return found;
  return find_twice(value, schema);
}

SetPaths paths_of(const YamlNode& node) {
  SetPaths paths;
  collect_paths(node, {}, paths);
  return paths;
}

int line_of(const YamlNode& node, const std::string& path) {
  std::string_view rest = path;
  const YamlNode* here = &node;
  while (!rest.empty()) {
    const auto end = std::min(rest.find_first_of(".[", 1), rest.size());
    const auto part = rest.substr(0, end);
    const YamlNode* below = nullptr;
    if (part.starts_with('[')) {
      const auto index = std::strtoul(part.data() + 1, nullptr, 10);
      if (index < here->items.size()) below = &here->items[index];
    } else {
      // A label's key has dots of its own; then the line of the map around it has to do.
      below = here->find(part.starts_with('.') ? part.substr(1) : part);
    }
    if (below == nullptr) break;
    here = below;
    rest.remove_prefix(end);
  }
  return here->line;
}

}  // namespace rebalance
