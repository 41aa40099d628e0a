// The watches of the fake API server, and how they misbehave.
#include <algorithm>

#include "rig/fake_api_server.h"
#include "rig/process.h"

namespace rig {
namespace {

using Clock = std::chrono::steady_clock;

std::string event_line(const std::string& type, const Json& object) {
  return Json{{"type", type}, {"object", object}}.dump() + "\n";
}

Json expired() { return refusal(410, "Expired", "too old resource version").body; }

bool is_here(const FakeEvent& event, const ObjectPath& path) {
  return event.collection == path.collection &&
         (path.name_space.empty() || event.name_space == path.name_space);
}

// What a watch with a selector sees: an object that no longer matches is gone for it.
std::string line_of(const FakeEvent& event, const ListQuery& query) {
  const bool was = !event.previous.is_null() && selected(event.previous, query);
  const bool is = event.type != "DELETED" && selected(event.object, query);
  if (!was && !is) return {};
  return event_line(!was ? "ADDED" : !is ? "DELETED" : "MODIFIED", event.object);
}

std::chrono::milliseconds time_limit(const FakeCall& call) {
  const auto seconds = call.query_at("timeoutSeconds");
  return std::chrono::seconds(seconds.empty() ? 1800 : std::stol(seconds));
}

}  // namespace

void FakeApiServer::end_watches(WatchEnd how) {
  {
    const std::scoped_lock lock(mutex_);
    ++watch_epoch_;
    watch_end_ = how;
  }
  objects_.wake();
}

int FakeApiServer::open_watches() {
  const std::scoped_lock lock(mutex_);
  return open_watches_;
}

bool FakeApiServer::watch(TlsConnection& connection, const FakeCall& call, const ObjectPath& path) {
  const auto asked = call.query_at("resourceVersion");
  auto version = asked.empty() ? 0 : std::stoll(asked);
  const bool too_old = version != 0 && version < objects_.compacted();
  const bool by_http = [&] {
    const std::scoped_lock lock(mutex_);
    return watch_faults_.refuse_by_http;
  }();
  if (too_old && by_http) return connection.write(answer_text({.status = 410, .body = expired().dump()}));
  if (!connection.write(chunked_head())) return false;
  if (too_old) return connection.write(chunk(event_line("ERROR", expired()))) && connection.write(chunk(""));
  if (version == 0) {
    const auto all = objects_.list(
        path, {.labels = call.query_at("labelSelector"), .fields = call.query_at("fieldSelector")});
    for (const auto& object : all.body["items"]) {
      if (!send_event(connection, event_line("ADDED", object))) return false;
    }
    version = std::stoll(all.body["metadata"]["resourceVersion"].get<std::string>());
  }
  {
    const std::scoped_lock lock(mutex_);
    ++open_watches_;
  }
  const bool goes_on = send_events(connection, call, path, version);
  const std::scoped_lock lock(mutex_);
  --open_watches_;
  return goes_on;
}

bool FakeApiServer::send_events(TlsConnection& connection, const FakeCall& call, const ObjectPath& path,
                                std::int64_t version) {
  const ListQuery query{.labels = call.query_at("labelSelector"), .fields = call.query_at("fieldSelector")};
  const bool with_bookmarks = call.query_at("allowWatchBookmarks") == "true";
  const auto end = Clock::now() + time_limit(call);
  auto bookmark_at = Clock::now() + options_.bookmark_every;
  std::unique_lock lock(mutex_);
  const auto epoch = watch_epoch_;
  while (!over_ && watch_epoch_ == epoch && Clock::now() < end) {
    const bool silent = watch_faults_.silent;
    lock.unlock();
    if (connection.peer_is_gone()) return false;
    auto events = objects_.events_after(version, Milliseconds(20));
    if (silent) {
      events.clear();
      nap(Milliseconds(5));
    }
    for (const auto& event : events) {
      version = event.version;
      const auto line = is_here(event, path) ? line_of(event, query) : std::string();
      if (!line.empty() && !should_drop() && !send_event(connection, line)) return false;
    }
    if (with_bookmarks && !silent && Clock::now() >= bookmark_at) {
      bookmark_at = Clock::now() + options_.bookmark_every;
      const Json mark{{"kind", "Bookmark"},
                      {"apiVersion", path.group_version()},
                      {"metadata", {{"resourceVersion", std::to_string(version)}}}};
      if (!connection.write(chunk(event_line("BOOKMARK", mark)))) return false;
    }
    lock.lock();
  }
  if (over_) return false;
  const bool timed_out = watch_epoch_ == epoch;
  lock.unlock();
  return timed_out ? connection.write(chunk("")) : end_watch(connection);
}

bool FakeApiServer::should_drop() {
  const std::scoped_lock lock(mutex_);
  if (watch_faults_.drop == 0) return false;
  --watch_faults_.drop;
  return true;
}

bool FakeApiServer::send_event(TlsConnection& connection, const std::string& line) {
  std::size_t split = 0;
  int times = 1;
  {
    const std::scoped_lock lock(mutex_);
    split = watch_faults_.split == 0 ? line.size() : watch_faults_.split;
    if (watch_faults_.duplicate > 0) {
      --watch_faults_.duplicate;
      times = 2;
    }
  }
  for (int time = 0; time < times; ++time) {
    for (std::size_t at = 0; at < line.size(); at += split) {
      if (!connection.write(chunk(std::string_view(line).substr(at, split)))) return false;
    }
  }
  return true;
}

bool FakeApiServer::end_watch(TlsConnection& connection) {
  const auto how = [&] {
    const std::scoped_lock lock(mutex_);
    return watch_end_;
  }();
  switch (how) {
    case WatchEnd::kWell: return connection.write(chunk(""));
    case WatchEnd::kExpired:
      return connection.write(chunk(event_line("ERROR", expired()))) && connection.write(chunk(""));
    case WatchEnd::kInChunk: connection.write("ff\r\n{\"type\":"); break;
  }
  return false;
}

}  // namespace rig
