#include "cli/yaml_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;

bool plain(const std::string& text) {
  if (text.empty()) return false;
  constexpr const char* kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
  if (text.find_first_not_of(kSafe) != std::string::npos) return false;
  if (std::string("0123456789-.").find(text.front()) != std::string::npos) return false;
  // y, n, yes, no, on, off, true, false, null in any case are no strings to some reader.
  static constexpr std::array kWords = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::find(kWords, lower) == kWords.end();
}

// JSON's quoting is valid YAML.
std::string scalar(const Json& value) {
  if (value.is_string() && plain(value.get_ref<const std::string&>())) return value.get<std::string>();
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

bool block(const Json& value) { return (value.is_object() || value.is_array()) && !value.empty(); }

void write(const Json& value, int depth, std::string& out);

// After "key:" or "-".
void write_after(const Json& value, int depth, std::string& out) {
  if (!block(value)) {
    out += " " + scalar(value) + "\n";
    return;
  }
  out += "\n";
  write(value, depth, out);
}

void write(const Json& value, int depth, std::string& out) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      out += indent + scalar(Json(key)) + ":";
      write_after(member, depth + 1, out);
    }
  } else {
    for (const auto& item : value) {
      if (!item.is_object() || item.empty()) {
        out += indent + "-";
        write_after(item, depth + 1, out);
        continue;
      }
      // A map begins on the line of its dash.
      std::string lines;
      write(item, depth + 1, lines);
      out += indent + "- " + lines.substr(indent.size() + 2);
    }
  }
}

}  // namespace

std::string yaml_of_json(const std::string& json) {
  const auto value = Json::parse(json);
  if (!block(value)) return scalar(value) + "\n";
  std::string out;
  write(value, 0, out);
  return out;
}

}  // namespace rebalance
