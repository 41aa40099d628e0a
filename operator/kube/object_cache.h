// Typed copies of objects by their key, and what changes in them. Pure; not thread-safe.
//
// An object is the same only under the same UID: a namesake that was created anew is a deletion and an
// addition. A version that is already here changes nothing, so repeated events are harmless (versions are
// opaque: only equality counts).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace rebalance {

template <typename T>
class ObjectCache {
 public:
  struct Entry {
    std::string uid, resource_version;
    std::shared_ptr<const T> value;
  };
  struct Change {
    std::string key;
    std::shared_ptr<const T> old, now;  // null: was not there; is no more
  };
  using Changes = std::vector<Change>;

  Changes put(const std::string& key, Entry fresh) {
    auto [place, is_new] = entries_.try_emplace(key);
    Entry before = std::exchange(place->second, std::move(fresh));
    const Entry& after = place->second;
    if (is_new) return {{key, nullptr, after.value}};
    if (before.uid != after.uid) return {{key, before.value, nullptr}, {key, nullptr, after.value}};
    if (before.resource_version != after.resource_version) return {{key, before.value, after.value}};
    place->second = std::move(before);
    return {};
  }

  Changes remove(const std::string& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return {};
    Changes changes{{key, found->second.value, nullptr}};
    entries_.erase(found);
    return changes;
  }

  // A complete list: what it does not name was deleted while nobody watched.
  Changes replace(std::map<std::string, Entry> fresh) {
    Changes changes;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto here = entry++;
      if (fresh.contains(here->first)) continue;
      changes.push_back({here->first, here->second.value, nullptr});
      entries_.erase(here);
    }
    for (auto& [key, entry] : fresh)
      for (auto& change : put(key, std::move(entry))) changes.push_back(std::move(change));
    return changes;
  }

  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace rebalance
