// Kubernetes objects in memory, of any resource, with their history: what the fake API server serves.
//
// Thread-safe. Every write gets the next resourceVersion; the history can be compacted, as etcd's.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rig/field_owners.h"

namespace rig {

using Json = nlohmann::json;

// "/apis/apps/v1/namespaces/shop/deployments/redis/status", taken apart.
struct ObjectPath {
  std::string collection;  // "apps/v1/deployments"; core: "/v1/pods"
  std::string name_space, name, subresource;

  std::string group_version() const;
  static std::optional<ObjectPath> parse(const std::string& path);
};

struct ObjectAnswer {
  int status = 200;
  Json body;
};

// A metav1.Status.
ObjectAnswer refusal(int code, const std::string& reason, const std::string& message,
                     Json details = Json::object());

struct FakeEvent {
  std::int64_t version = 0;
  std::string type;  // ADDED, MODIFIED, DELETED
  std::string collection, name_space;
  Json object;
  Json previous;  // null: there was none
};

struct ListQuery {
  std::string labels, fields;  // "app=redis,tier=db", "metadata.name=x,status.phase=Running"
  std::size_t limit = 0;       // 0: all
  std::string continue_token;
};

bool selected(const Json& object, const ListQuery& query);

class FakeObjects {
 public:
  ObjectAnswer list(const ObjectPath& path, const ListQuery& query) const;
  ObjectAnswer get(const ObjectPath& path) const;
  ObjectAnswer create(const ObjectPath& path, Json object);
  ObjectAnswer update(const ObjectPath& path, Json object);
  ObjectAnswer merge_patch(const ObjectPath& path, const Json& patch);
  ObjectAnswer apply(const ObjectPath& path, const Json& body, const std::string& manager, bool force);
  ObjectAnswer remove(const ObjectPath& path, const Json& options);

  std::int64_t version() const;
  std::int64_t compacted() const;
  void compact();  // what has happened so far can no longer be watched, nor listed by its old tokens

  // The first events after `version`, once there are some; none after `limit`, or when woken.
  std::vector<FakeEvent> events_after(std::int64_t version, std::chrono::milliseconds limit) const;
  void wake() const;  // whoever waits for events looks up

  // A copy as it is now, for lists that are stale.
  std::shared_ptr<const FakeObjects> snapshot() const;

 private:
  struct Key {
    std::string collection, name_space, name;
    auto operator<=>(const Key&) const = default;
  };
  static Key key_of(const ObjectPath& path) { return {path.collection, path.name_space, path.name}; }
  ObjectAnswer store(const Key& key, Json object, const Json& previous);
  ObjectAnswer replace(const ObjectPath& path, const Json& live, Json object);
  ObjectAnswer erase(const Key& key);
  const Json* find(const ObjectPath& path) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::map<Key, Json> objects_;
  std::map<std::string, FieldOwners> owners_;  // by uid
  std::vector<FakeEvent> history_;
  std::int64_t version_ = 100;
  std::int64_t compacted_ = 0;
  std::int64_t uids_ = 0;
  mutable std::uint64_t woken_ = 0;
};

}  // namespace rig
