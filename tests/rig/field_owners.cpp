#include "rig/field_owners.h"

#include <algorithm>

namespace rig {
namespace {

using Json = nlohmann::json;

std::string item_key(const Json& list) {
  for (const char* key : {"type", "uid", "name"}) {
    const bool all = !list.empty() && std::ranges::all_of(list, [&](const Json& item) {
      return item.is_object() && item.contains(key) && item[key].is_string();
    });
    if (all) return key;
  }
  return {};
}

// Objects and keyed lists as one map from path to value; "/" parts the names, and stands in none of ours.
void flatten(const Json& value, const std::string& path, std::map<std::string, Json>& into) {
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, member] : value.items()) flatten(member, path + "/" + key, into);
  } else if (const auto key = value.is_array() ? item_key(value) : std::string(); !key.empty()) {
    for (const auto& item : value) {
      flatten(item, path + "/[" + key + "=" + item[key].get<std::string>() + "]", into);
    }
  } else {
    into[path] = value;
  }
}

std::vector<std::string> steps_of(const std::string& path) {
  std::vector<std::string> steps;
  for (std::size_t begin = 1; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    steps.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return steps;
}

bool is_item(const std::string& step) { return step.starts_with('['); }

// "[type=Ready]" -> type, Ready
std::pair<std::string, std::string> key_of(const std::string& step) {
  const auto equals = step.find('=');
  return {step.substr(1, equals - 1), step.substr(equals + 1, step.size() - equals - 2)};
}

Json::iterator item_of(Json& list, const std::string& step) {
  const auto [key, value] = key_of(step);
  return std::find_if(list.begin(), list.end(), [&, key = key, value = value](const Json& item) {
    return item.value(key, "") == value;
  });
}

Json& reach(Json& object, const std::string& path) {
  Json* at = &object;
  for (const auto& step : steps_of(path)) {
    if (!is_item(step)) {
      at = &(*at)[step];
      continue;
    }
    if (!at->is_array()) *at = Json::array();
    const auto [key, value] = key_of(step);
    if (item_of(*at, step) == at->end()) at->push_back({{key, value}});
    at = &*item_of(*at, step);
  }
  return *at;
}

// Removes the value, and what has become empty above it.
void remove(Json& object, const std::vector<std::string>& steps, std::size_t depth) {
  const auto& step = steps[depth];
  const bool last = depth + 1 == steps.size();
  if (is_item(step)) {
    if (!object.is_array()) return;
    const auto found = item_of(object, step);
    if (found == object.end()) return;
    if (!last) remove(*found, steps, depth + 1);
    if (last || found->empty()) object.erase(found);
  } else if (object.is_object() && object.contains(step)) {
    if (!last) remove(object[step], steps, depth + 1);
    if (last || ((object[step].is_object() || object[step].is_array()) && object[step].empty()))
      object.erase(step);
  }
}

}  // namespace

std::vector<FieldOwners::Conflict> FieldOwners::apply(Json& live, const Json& body,
                                                      const std::string& manager, bool force) {
  std::map<std::string, Json> wanted, present;
  flatten(body, "", wanted);
  flatten(live, "", present);
  std::vector<Conflict> conflicts;
  for (const auto& [other, fields] : fields_) {
    if (other == manager) continue;
    for (const auto& [path, value] : wanted) {
      if (fields.contains(path) && present.contains(path) && present[path] != value)
        conflicts.push_back({path, other});
    }
  }
  if (!conflicts.empty() && !force) return conflicts;
  for (const auto& [path, other] : conflicts) fields_[other].erase(path);
  for (const auto& path : fields_[manager]) {
    const bool shared = std::ranges::any_of(
        fields_, [&](const auto& owner) { return owner.first != manager && owner.second.contains(path); });
    if (!wanted.contains(path) && !shared) remove(live, steps_of(path), 0);
  }
  fields_[manager].clear();
  for (const auto& [path, value] : wanted) {
    reach(live, path) = value;
    fields_[manager].insert(path);
  }
  return {};
}

}  // namespace rig
