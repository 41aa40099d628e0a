// Keeps a copy of one kind of objects up to date: list, then watch, again and again (client-go's reflector).
//
// ReflectorState decides what to ask next; Reflector asks, and tells an ObjectSink what it hears.
#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "kube/api_client.h"
#include "kube/object_text.h"
#include "kube/reflector_state.h"
#include "kube/surroundings.h"

namespace rebalance {

// Where a reflector writes. Called from its thread alone.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  virtual void list_begins() = 0;  // forgets what an earlier, unfinished list said
  virtual void listed(const ObjectText& object) = 0;
  virtual void list_complete() = 0;  // what was not listed is gone
  virtual void changed(const ObjectText& object) = 0;
  virtual void deleted(const ObjectText& object) = 0;
};

struct WatchTarget {
  ApiResource resource;
  std::string name_space;      // empty: all
  std::string label_selector;  // "app=redis,tier in (a,b)"; empty: all
  std::string field_selector;
};

class Reflector {
 public:
  // `client` and `sink` must outlive it.
  Reflector(ApiClient& client, WatchTarget target, ReflectorRules rules, ObjectSink& sink,
            Surroundings around);

  // Until `stop` is asked for; nothing else ends it.
  void run(const std::stop_token& stop);

  // Thread-safe: the last instant at which the API server was heard of (a list, an event, a bookmark, the
  // regular end of a watch), and what went wrong since; empty when nothing did.
  Instant last_progress() const;
  std::string last_error() const;

 private:
  void list(const ReflectorState::Ask& ask, const std::stop_token& stop);
  void take(const ListPage& page);
  void watch(const ReflectorState::Ask& ask, const std::stop_token& stop);
  std::optional<ApiError> take(std::string_view line);
  std::string path(const std::string& query) const;
  void progressed(Instant when);
  void failed(const std::string& message);

  ApiClient& client_;
  const WatchTarget target_;
  const ReflectorRules rules_;
  ObjectSink& sink_;
  const Surroundings around_;
  ReflectorState state_;
  mutable std::mutex mutex_;  // of the two below
  Instant last_progress_;
  std::string last_error_;
};

}  // namespace rebalance
