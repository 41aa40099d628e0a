// A Transport that answers as a test says, and one that keeps objects like an API server does.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "kube/api_client.h"
#include "kube/surroundings.h"

namespace rebalance {

using Answer = Result<HttpResponse>;

inline Answer answer(int status, std::string body = "{}") {
  return HttpResponse{.status = status, .body = std::move(body)};
}
inline Answer refusal(int status, const std::string& reason, const std::string& message = "no") {
  const nlohmann::json body{{"kind", "Status"}, {"code", status}, {"reason", reason}, {"message", message}};
  return answer(status, body.dump());
}
inline Answer broken(ErrorCode code = ErrorCode::kTimeout) { return error(code, "the connection broke"); }

// Time that goes on only when somebody waits, or a test says so. Thread-safe.
class TestTime {
 public:
  Surroundings surroundings() {
    return {.now = [this] { return now(); },
            .wall = [this] { return std::chrono::system_clock::time_point(now().time_since_epoch()); },
            .dice = [] { return 0.5; },
            .wait =
                [this](std::stop_token stop, Millis time) {
                  if (!stop.stop_requested()) pass(time);
                }};
  }
  Instant now() const {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  void pass(Millis time) {
    const std::scoped_lock lock(mutex_);
    now_ += time;
    waits_.push_back(time);
  }
  std::vector<Millis> waits() const {
    const std::scoped_lock lock(mutex_);
    return waits_;
  }

 private:
  mutable std::mutex mutex_;
  Instant now_{std::chrono::hours(1000)};
  std::vector<Millis> waits_;
};

// Lists and watches, in the order of the script. What comes after its end waits to be stopped, and is not
// among the requests.
class ScriptedTransport : public Transport {
 public:
  struct Watch {
    std::vector<std::string> lines;
    Answer end = answer(200, "");
    Millis lasts{5000};  // as TestTime measures it
  };

  explicit ScriptedTransport(TestTime& time) : time_(time) {}
  void then(Answer list) { script_.push_back({std::move(list), {}, false}); }
  void then(Watch watch) { script_.push_back({answer(200), std::move(watch), true}); }

  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
    requests.push_back(request.path);
    const auto step = next(false);
    return step ? step->list : at_the_end(stop);
  }

  Result<HttpResponse> stream(const HttpRequest& request, Millis,
                              const std::function<bool(std::string_view)>& line,
                              std::stop_token stop) override {
    requests.push_back(request.path);
    const auto step = next(true);
    if (!step) return at_the_end(stop);
    for (const auto& text : step->watch.lines)
      if (!line(text)) return answer(200, "");
    time_.pass(step->watch.lasts);
    return step->watch.end;
  }

  // To be read when `end` was asked for.
  std::vector<std::string> requests;
  bool out_of_order = false;
  std::stop_source end;

 private:
  struct Step {
    Answer list;
    Watch watch;
    bool is_watch = false;
  };
  Answer at_the_end(std::stop_token stop) {
    end.request_stop();
    wait_for(std::move(stop), Millis(20'000));
    return broken(ErrorCode::kStopped);
  }
  std::optional<Step> next(bool watch) {
    if (script_.empty() || script_.front().is_watch != watch) {
      requests.pop_back();
      out_of_order = !script_.empty();
      return std::nullopt;
    }
    auto step = std::move(script_.front());
    script_.pop_front();
    return step;
  }
  TestTime& time_;
  std::deque<Step> script_;
};

// Objects by path, with resource versions and conflicts as the API server has them. Thread-safe.
class TinyServer : public Transport {
 public:
  using Json = nlohmann::json;

  Result<HttpResponse> send(const HttpRequest& request, std::stop_token) override {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    if (!failures_.empty()) {
      auto failure = std::move(failures_.front());
      failures_.pop_front();
      if (failure) return *failure;  // nullopt: this one is answered
    }
    if (down_) return broken();
    auto response = handle(request);
    return lost_.erase(request.method) > 0 ? broken() : response;
  }
  Result<HttpResponse> stream(const HttpRequest&, Millis, const std::function<bool(std::string_view)>&,
                              std::stop_token) override {
    return broken(ErrorCode::kUnavailable);
  }

  // What the next requests get, whatever they are; nullopt: the usual.
  void next(std::optional<Answer> failure) {
    const std::scoped_lock lock(mutex_);
    failures_.push_back(std::move(failure));
  }
  void lose_answer_of_next(const std::string& method) {
    const std::scoped_lock lock(mutex_);
    lost_.insert(method);
  }
  void down(bool is_down) {
    const std::scoped_lock lock(mutex_);
    down_ = is_down;
  }
  Json object(const std::string& path) const {
    const std::scoped_lock lock(mutex_);
    const auto found = objects_.find(path);
    return found == objects_.end() ? Json() : found->second;
  }
  void put(const std::string& path, Json object) {
    const std::scoped_lock lock(mutex_);
    store(path, std::move(object));
  }
  void erase(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    objects_.erase(path);
  }
  std::vector<HttpRequest> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  int count(const std::string& method) const {
    int count = 0;
    for (const auto& request : requests()) count += request.method == method;
    return count;
  }
  bool wait_requests(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return requests_.size() >= count; });
  }

 private:
  Answer handle(const HttpRequest& request) {
    const auto path = request.path.substr(0, request.path.find('?'));
    if (request.method == "POST") return create(path, Json::parse(request.body));
    const auto found = objects_.find(path);
    if (found == objects_.end()) return refusal(404, "NotFound");
    if (request.method == "GET") return answer(200, found->second.dump());
    auto body = Json::parse(request.body);
    if (request.method == "PUT") {
      if (body["metadata"]["resourceVersion"] != found->second["metadata"]["resourceVersion"])
        return refusal(409, "Conflict");
      return answer(200, store(path, std::move(body)).dump());
    }
    auto merged = found->second;
    merged.merge_patch(body);
    return answer(200, store(path, std::move(merged)).dump());
  }
  Answer create(const std::string& folder, Json object) {
    const auto path = folder + "/" + object["metadata"]["name"].get<std::string>();
    if (objects_.contains(path)) return refusal(409, "AlreadyExists");
    return answer(201, store(path, std::move(object)).dump());
  }
  const Json& store(const std::string& path, Json object) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    return objects_[path] = std::move(object);
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::map<std::string, Json> objects_;
  std::deque<std::optional<Answer>> failures_;
  std::set<std::string> lost_;
  std::vector<HttpRequest> requests_;
  int version_ = 100;
  bool down_ = false;
};

}  // namespace rebalance
