#include "codec/json_slice.h"

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

constexpr auto npos = std::string_view::npos;

std::size_t skip_space(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

// Behind the string whose opening quote stands at `at`; npos: it does not end.
std::size_t skip_string(std::string_view text, std::size_t at) {
  while ((at = text.find_first_of("\"\\", at + 1)) != npos) {
    if (text[at] == '"') return at + 1;
    ++at;  // what is escaped
  }
  return npos;
}

// Behind the object or list that begins at `at`.
std::size_t skip_nested(std::string_view text, std::size_t at) {
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth == 0) return at + 1;
    at = c == '"' ? skip_string(text, at) : at + 1;
    at = text.find_first_of("{}[]\"", at);
  }
  return npos;
}

std::size_t skip_value(std::string_view text, std::size_t at) {
  if (at >= text.size()) return npos;
  if (text[at] == '"') return skip_string(text, at);
  if (text[at] == '{' || text[at] == '[') return skip_nested(text, at);
  const auto end = std::min(text.find_first_of(",]} \t\r\n", at), text.size());
  return end == at ? npos : end;
}

std::string_view between(std::string_view text, std::size_t begin, std::size_t end) {
  return text.substr(begin, end - begin);
}

}  // namespace

bool json_members(std::string_view object,
                  const std::function<bool(std::string_view, std::string_view)>& member) {
  auto at = skip_space(object, 0);
  if (at >= object.size() || object[at] != '{') return false;
  const auto first = skip_space(object, at + 1);
  if (first < object.size() && object[first] == '}') return true;
  do {
    const auto name = skip_space(object, at + 1);
    if (name >= object.size() || object[name] != '"') return false;
    const auto name_end = skip_string(object, name);
    if (name_end == npos) return false;
    const auto colon = skip_space(object, name_end);
    if (colon >= object.size() || object[colon] != ':') return false;
    const auto value = skip_space(object, colon + 1);
    const auto value_end = skip_value(object, value);
    if (value_end == npos) return false;
    if (!member(between(object, name + 1, name_end - 1), between(object, value, value_end))) return true;
    at = skip_space(object, value_end);
  } while (at < object.size() && object[at] == ',');
  return at < object.size() && object[at] == '}';
}

std::optional<std::string_view> json_member(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  json_members(object, [&](std::string_view name, std::string_view value) {
    if (name == key) found = value;
    return !found;
  });
  return found;
}

bool json_elements(std::string_view array, const std::function<void(std::string_view)>& element) {
  auto at = skip_space(array, 0);
  if (at >= array.size() || array[at] != '[') return false;
  const auto first = skip_space(array, at + 1);
  if (first < array.size() && array[first] == ']') return true;
  do {
    const auto value = skip_space(array, at + 1);
    const auto end = skip_value(array, value);
    if (end == npos) return false;
    element(between(array, value, end));
    at = skip_space(array, end);
  } while (at < array.size() && array[at] == ',');
  return at < array.size() && array[at] == ']';
}

std::string json_string(std::optional<std::string_view> value) {
  if (!value) return {};
  const auto parsed = nlohmann::json::parse(*value, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string();
}

}  // namespace rebalance
