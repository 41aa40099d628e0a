#include "rig/fake_objects.h"

#include <algorithm>
#include <chrono>

namespace rig {
namespace {

// What a status subresource owns; writes of the object itself leave it as it is.
constexpr const char* kStatus = "status";

std::string number_text(std::int64_t number) { return std::to_string(number); }

std::string now_text() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

bool has_status(const std::string& collection) {
  // What has no status subresource in the real one, of what tests use.
  for (const char* without :
       {"/v1/configmaps", "/v1/secrets", "coordination.k8s.io/v1/leases", "events.k8s.io/v1/events"}) {
    if (collection == without) return false;
  }
  return true;
}

std::string resource_of(const ObjectPath& path) {
  return path.collection.substr(path.collection.rfind('/') + 1);
}

std::string group_of(const ObjectPath& path) { return path.collection.substr(0, path.collection.find('/')); }

std::string named(const ObjectPath& path) {
  const auto group = group_of(path);
  return resource_of(path) + (group.empty() ? "" : "." + group) + " \"" + path.name + "\"";
}

ObjectAnswer not_found(const ObjectPath& path) {
  return refusal(404, "NotFound", named(path) + " not found");
}

ObjectAnswer stale(const ObjectPath& path) {
  return refusal(
      409, "Conflict",
      "Operation cannot be fulfilled on " + named(path) +
          ": the object has been modified; please apply your changes to the latest version and try again");
}

std::string version_of(const Json& object) {
  return object.value(Json::json_pointer("/metadata/resourceVersion"), "");
}

}  // namespace

ObjectAnswer FakeObjects::list(const ObjectPath& path, const ListQuery& query) const {
  const std::scoped_lock lock(mutex_);
  // A token is "VERSION/NAMESPACE/NAME": the list's version, and the last object given.
  std::string version = number_text(version_);
  Key after;
  if (!query.continue_token.empty()) {
    const auto first = query.continue_token.find('/');
    const auto second = query.continue_token.find('/', first + 1);
    version = query.continue_token.substr(0, first);
    after = {path.collection, query.continue_token.substr(first + 1, second - first - 1),
             query.continue_token.substr(second + 1)};
    if (std::stoll(version) < compacted_) {
      return refusal(410, "Expired",
                     "The provided continue parameter is too old to display a consistent list result.");
    }
  }
  Json items = Json::array();
  std::string token;
  for (const auto& [key, object] : objects_) {
    const bool here =
        key.collection == path.collection && (path.name_space.empty() || key.name_space == path.name_space);
    if (!here || (!after.collection.empty() && key <= after) || !selected(object, query)) continue;
    if (query.limit > 0 && items.size() == query.limit) {
      token = version + "/" + after.name_space + "/" + after.name;
      break;
    }
    items.push_back(object);
    after = key;
  }
  Json metadata{{"resourceVersion", version}};
  if (!token.empty()) metadata["continue"] = token;
  const auto kind = items.empty() ? "List" : items[0].value("kind", "") + "List";
  return {200,
          {{"kind", kind}, {"apiVersion", path.group_version()}, {"metadata", metadata}, {"items", items}}};
}

const Json* FakeObjects::find(const ObjectPath& path) const {
  const auto found = objects_.find(key_of(path));
  return found == objects_.end() ? nullptr : &found->second;
}

ObjectAnswer FakeObjects::get(const ObjectPath& path) const {
  const std::scoped_lock lock(mutex_);
  const auto* const object = find(path);
  return object == nullptr ? not_found(path) : ObjectAnswer{200, *object};
}

ObjectAnswer FakeObjects::store(const Key& key, Json object, const Json& previous) {
  object["metadata"]["resourceVersion"] = number_text(++version_);
  objects_[key] = object;
  history_.push_back({version_, previous.is_null() ? "ADDED" : "MODIFIED", key.collection, key.name_space,
                      object, previous});
  changed_.notify_all();
  return {previous.is_null() ? 201 : 200, std::move(object)};
}

ObjectAnswer FakeObjects::erase(const Key& key) {
  auto object = objects_.at(key);
  const auto previous = object;
  objects_.erase(key);
  owners_.erase(object["metadata"]["uid"].get<std::string>());
  object["metadata"]["resourceVersion"] = number_text(++version_);
  history_.push_back({version_, "DELETED", key.collection, key.name_space, object, previous});
  changed_.notify_all();
  return {200, std::move(object)};
}

ObjectAnswer FakeObjects::create(const ObjectPath& path, Json object) {
  const std::scoped_lock lock(mutex_);
  auto& metadata = object["metadata"];
  if (!metadata.contains("name") && metadata.contains("generateName")) {
    metadata["name"] = metadata["generateName"].get<std::string>() + number_text(uids_ + 1);
  }
  auto full = path;
  full.name = metadata.value("name", "");
  if (full.name.empty()) return refusal(422, "Invalid", "name or generateName is required");
  if (find(full) != nullptr) return refusal(409, "AlreadyExists", named(full) + " already exists");
  if (!path.name_space.empty()) metadata["namespace"] = path.name_space;
  metadata["uid"] = "uid-" + number_text(++uids_);
  metadata["creationTimestamp"] = now_text();
  metadata["generation"] = 1;
  if (has_status(path.collection)) object.erase(kStatus);
  return store(key_of(full), std::move(object), nullptr);
}

// What a write may not change stays; what changes nothing is no write.
ObjectAnswer FakeObjects::replace(const ObjectPath& path, const Json& live, Json object) {
  const auto& old = live["metadata"];
  auto& metadata = object["metadata"];
  if (path.subresource == kStatus) {
    auto changed = live;
    changed[kStatus] = object.value(kStatus, Json::object());
    object = std::move(changed);
  } else {
    for (const char* kept : {"uid", "creationTimestamp", "namespace", "name", "generation",
                             "deletionTimestamp", "resourceVersion"}) {
      if (old.contains(kept)) metadata[kept] = old[kept];
    }
    if (has_status(path.collection)) {
      object.erase(kStatus);
      if (live.contains(kStatus)) object[kStatus] = live[kStatus];
    }
    if (object.value("spec", Json()) != live.value("spec", Json()))
      metadata["generation"] = old.value("generation", 1) + 1;
  }
  if (object == live) return {200, live};
  const bool last_finalizer = object["metadata"].contains("deletionTimestamp") &&
                              object["metadata"].value("finalizers", Json::array()).empty();
  if (last_finalizer) {
    objects_[key_of(path)] = object;
    return erase(key_of(path));
  }
  return store(key_of(path), std::move(object), Json(live));
}

ObjectAnswer FakeObjects::update(const ObjectPath& path, Json object) {
  const std::scoped_lock lock(mutex_);
  const auto* const live = find(path);
  if (live == nullptr) return not_found(path);
  const auto version = version_of(object);
  if (version.empty() && resource_of(path) == "leases") {
    return refusal(
        422, "Invalid",
        named(path) +
            " is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update");
  }
  if (!version.empty() && version != version_of(*live)) return stale(path);
  return replace(path, Json(*live), std::move(object));
}

ObjectAnswer FakeObjects::merge_patch(const ObjectPath& path, const Json& patch) {
  const std::scoped_lock lock(mutex_);
  const auto* const live = find(path);
  if (live == nullptr) return not_found(path);
  if (const auto version = version_of(patch); !version.empty() && version != version_of(*live))
    return stale(path);
  auto object = *live;
  object.merge_patch(patch);
  return replace(path, Json(*live), std::move(object));
}

ObjectAnswer FakeObjects::apply(const ObjectPath& path, const Json& body, const std::string& manager,
                                bool force) {
  if (manager.empty()) {
    return refusal(422, "Invalid",
                   "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for "
                   "apply patch");
  }
  auto applied = body;
  for (const char* fixed : {"kind", "apiVersion"}) applied.erase(fixed);
  for (const char* fixed : {"name", "namespace", "uid", "resourceVersion"}) applied["metadata"].erase(fixed);
  if (applied["metadata"].empty()) applied.erase("metadata");
  const auto who = manager + (path.subresource.empty() ? "" : "/" + path.subresource);
  std::unique_lock lock(mutex_);
  if (find(path) == nullptr) {
    if (!path.subresource.empty()) return not_found(path);
    lock.unlock();
    auto created = create(path, body);
    lock.lock();
    if (created.status == 201)
      owners_[created.body["metadata"]["uid"]].apply(created.body, applied, who, true);
    return created;
  }
  const Json live = *find(path);
  if (const auto version = version_of(body); !version.empty() && version != version_of(live))
    return stale(path);
  auto object = live;
  const auto conflicts =
      owners_[live["metadata"]["uid"].get<std::string>()].apply(object, applied, who, force);
  if (!conflicts.empty()) {
    Json causes = Json::array();
    for (const auto& conflict : conflicts) {
      causes.push_back({{"reason", "FieldManagerConflict"},
                        {"message", "conflict with \"" + conflict.manager + "\""},
                        {"field", conflict.field}});
    }
    return refusal(409, "Conflict", "Apply failed with " + std::to_string(conflicts.size()) + " conflict(s)",
                   {{"causes", causes}});
  }
  return replace(path, live, std::move(object));
}

ObjectAnswer FakeObjects::remove(const ObjectPath& path, const Json& options) {
  const std::scoped_lock lock(mutex_);
  const auto* const live = find(path);
  if (live == nullptr) return not_found(path);
  const auto wanted = options.value(Json::json_pointer("/preconditions/uid"), "");
  if (!wanted.empty() && wanted != (*live)["metadata"].value("uid", "")) {
    return refusal(409, "Conflict", "Precondition failed: UID in precondition: " + wanted);
  }
  if ((*live)["metadata"].value("finalizers", Json::array()).empty()) return erase(key_of(path));
  if ((*live)["metadata"].contains("deletionTimestamp")) return {200, *live};
  auto object = *live;
  object["metadata"]["deletionTimestamp"] = now_text();
  return store(key_of(path), std::move(object), Json(*live));
}

std::int64_t FakeObjects::version() const {
  const std::scoped_lock lock(mutex_);
  return version_;
}

std::int64_t FakeObjects::compacted() const {
  const std::scoped_lock lock(mutex_);
  return compacted_;
}

void FakeObjects::compact() {
  const std::scoped_lock lock(mutex_);
  compacted_ = ++version_;
  history_.clear();
}

std::vector<FakeEvent> FakeObjects::events_after(std::int64_t version,
                                                 std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  const auto woken = woken_;
  const auto has_some = [&] { return !history_.empty() && history_.back().version > version; };
  changed_.wait_for(lock, limit, [&] { return has_some() || woken != woken_; });
  const auto first = std::ranges::upper_bound(history_, version, {}, &FakeEvent::version);
  constexpr std::ptrdiff_t kMostAtOnce = 8;  // a watch asks again; copies of everything would be large
  return {first, first + std::min(kMostAtOnce, history_.end() - first)};
}

void FakeObjects::wake() const {
  const std::scoped_lock lock(mutex_);
  ++woken_;
  changed_.notify_all();
}

std::shared_ptr<const FakeObjects> FakeObjects::snapshot() const {
  const std::scoped_lock lock(mutex_);
  auto copy = std::make_shared<FakeObjects>();
  copy->objects_ = objects_;
  copy->version_ = version_;
  copy->compacted_ = compacted_;
  return copy;
}

}  // namespace rig
