#include <algorithm>
#include <sstream>

#include "rig/fake_objects.h"

namespace rig {
namespace {

// "a=b,c==d"; keys are paths for fields.
std::vector<std::pair<std::string, std::string>> pairs_of(const std::string& selector) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::istringstream parts(selector);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto equals = part.find('=');
    if (equals == std::string::npos) continue;
    pairs.emplace_back(part.substr(0, equals), part.substr(part.find_last_of('=') + 1));
  }
  return pairs;
}

}  // namespace

ObjectAnswer refusal(int code, const std::string& reason, const std::string& message, Json details) {
  Json status{{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
              {"status", "Failure"}, {"message", message}, {"reason", reason},
              {"code", code}};
  if (!details.empty()) status["details"] = std::move(details);
  return {code, std::move(status)};
}

std::string ObjectPath::group_version() const {
  const auto text = collection.substr(0, collection.rfind('/'));
  return text.starts_with('/') ? text.substr(1) : text;
}

std::optional<ObjectPath> ObjectPath::parse(const std::string& path) {
  std::vector<std::string> parts;
  std::istringstream text(path);
  for (std::string part; std::getline(text, part, '/');) {
    if (!part.empty()) parts.push_back(part);
  }
  ObjectPath parsed;
  std::size_t at = 0;
  const auto next = [&] { return at < parts.size() ? parts[at++] : std::string(); };
  const auto root = next();
  if (root != "api" && root != "apis") return std::nullopt;
  const auto group = root == "apis" ? next() : std::string();
  const auto version = next();
  // "/api/v1/namespaces/shop" is the namespace itself, with more behind it its contents.
  if (at + 2 < parts.size() && parts[at] == "namespaces" && parts[at + 2] != "status") {
    next();
    parsed.name_space = next();
  }
  const auto plural = next();
  parsed.collection = group + "/" + version + "/" + plural;
  parsed.name = next();
  parsed.subresource = next();
  if (version.empty() || plural.empty() || at < parts.size()) return std::nullopt;
  return parsed;
}

bool selected(const Json& object, const ListQuery& query) {
  for (const auto& [key, value] : pairs_of(query.labels)) {
    const auto labels = object.value(Json::json_pointer("/metadata/labels"), Json::object());
    if (labels.value(key, "") != value) return false;
  }
  for (auto [key, value] : pairs_of(query.fields)) {
    std::ranges::replace(key, '.', '/');
    if (object.value(Json::json_pointer("/" + key), "") != value) return false;
  }
  return true;
}

}  // namespace rig
