// A typed copy of one kind of objects that keeps itself up to date, and tells of each change.
//
// Of each object only what the decoder makes of it is kept. An object that cannot be decoded is kept out and
// named in rejected(); it ends nothing.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kube/object_cache.h"
#include "kube/reflector.h"

namespace rebalance {

template <typename T>
class Informer : private ObjectSink {
 public:
  using Value = std::shared_ptr<const T>;
  using Entry = typename ObjectCache<T>::Entry;
  struct Options {
    WatchTarget target;
    std::function<Result<T>(std::string_view json)> decode;
    // (key, old, now); null: was not there, is no more. On the informer's thread, after the copy has changed,
    // one call after the other. Must not block: add the key to a queue.
    std::function<void(const std::string& key, const T* old, const T* now)> on_change;
    // (key, why): cannot be decoded. May be empty.
    std::function<void(const std::string& key, const Error& why)> on_rejected;
    ReflectorRules rules = {};
    Surroundings around = {};
  };

  // `client` must outlive it.
  Informer(ApiClient& client, Options options)
      : options_(std::move(options)),
        reflector_(client, options_.target, options_.rules, *this, options_.around) {}

  void start() {
    thread_ = std::jthread([this](const std::stop_token& stop) { reflector_.run(stop); });
  }

  // All below is thread-safe.

  // The first complete list is here and on_change was called for all of it.
  bool synced() const {
    const std::scoped_lock lock(mutex_);
    return synced_;
  }
  bool wait_synced(std::stop_token stop, Millis limit) const {
    std::unique_lock lock(mutex_);
    return condition_.wait_for(lock, std::move(stop), limit, [this] { return synced_; });
  }

  Value get(const std::string& key) const {
    const std::scoped_lock lock(mutex_);
    const auto found = cache_.entries().find(key);
    return found == cache_.entries().end() ? nullptr : found->second.value;
  }
  // With UID and resource version, for callers that compare them with their own last write.
  std::map<std::string, Entry> all() const {
    const std::scoped_lock lock(mutex_);
    return cache_.entries();
  }
  // In the order of their keys, which are "NAMESPACE/NAME".
  std::vector<Value> of_namespace(const std::string& name_space) const {
    const std::scoped_lock lock(mutex_);
    std::vector<Value> values;
    const std::string prefix = name_space + '/';
    for (auto at = cache_.entries().lower_bound(prefix);
         at != cache_.entries().end() && at->first.starts_with(prefix); ++at)
      values.push_back(at->second.value);
    return values;
  }
  std::map<std::string, std::string> rejected() const {  // key -> why
    const std::scoped_lock lock(mutex_);
    return rejected_;
  }
  Instant last_progress() const { return reflector_.last_progress(); }
  std::string last_error() const { return reflector_.last_error(); }

 private:
  using Changes = typename ObjectCache<T>::Changes;

  void list_begins() override {
    fresh_.clear();
    fresh_rejected_.clear();
  }

  void listed(const ObjectText& object) override {
    if (auto entry = decode(object))
      fresh_[object.key()] = std::move(*entry);
    else
      fresh_rejected_[object.key()] = entry.error().message;
  }

  void list_complete() override {
    tell(update([this] {
      rejected_ = std::exchange(fresh_rejected_, {});
      return cache_.replace(std::exchange(fresh_, {}));
    }));
    const std::scoped_lock lock(mutex_);
    synced_ = true;
    condition_.notify_all();
  }

  void changed(const ObjectText& object) override {
    auto entry = decode(object);
    tell(update([&] {
      rejected_.erase(object.key());
      if (entry) return cache_.put(object.key(), std::move(*entry));
      rejected_[object.key()] = entry.error().message;
      return cache_.remove(object.key());
    }));
  }

  void deleted(const ObjectText& object) override {
    tell(update([&] {
      rejected_.erase(object.key());
      return cache_.remove(object.key());
    }));
  }

  Result<Entry> decode(const ObjectText& object) const {
    auto value = options_.decode(object.json);
    if (!value && options_.on_rejected) options_.on_rejected(object.key(), value.error());
    if (!value) return std::unexpected(std::move(value).error());
    return Entry{object.uid, object.resource_version, std::make_shared<const T>(std::move(*value))};
  }

  template <typename Change>
  Changes update(Change change) {
    const std::scoped_lock lock(mutex_);
    return change();
  }

  void tell(const Changes& changes) const {
    if (!options_.on_change) return;
    for (const auto& change : changes) options_.on_change(change.key, change.old.get(), change.now.get());
  }

  const Options options_;
  std::map<std::string, Entry> fresh_;  // of a list under way; of the informer's thread alone, as the next
  std::map<std::string, std::string> fresh_rejected_;
  mutable std::mutex mutex_;  // of the next three
  mutable std::condition_variable_any condition_;
  ObjectCache<T> cache_;
  std::map<std::string, std::string> rejected_;
  bool synced_ = false;
  Reflector reflector_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
