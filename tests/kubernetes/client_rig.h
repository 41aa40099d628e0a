// What tests of the Kubernetes client start from: a configuration, a client made from it, and requests in one
// line.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kube/api_client.h"
#include "kube/cluster_config.h"
#include "kube/http_transport.h"
#include "rig/process.h"

namespace rebalance {

using Json = nlohmann::json;

inline HttpRequest get(const std::string& path, Millis deadline = Millis(5000)) {
  return {.method = "GET", .path = path, .deadline = deadline};
}
inline HttpRequest with_body(const std::string& method, const std::string& path, const Json& body,
                             const std::string& type = "application/json") {
  return {.method = method, .path = path, .body = body.dump(), .content_type = type};
}

inline ClusterConfig config_at(const std::string& kubeconfig) {
  auto config = read_kubeconfig({kubeconfig}, "");
  if (!config) throw std::runtime_error(config.error().message);
  return *config;
}
inline std::unique_ptr<ApiClient> client_of(const ClusterConfig& config) {
  return std::make_unique<ApiClient>(make_http_transport(config), make_http_transport(config));
}

// The threads and open files of this process.
inline std::size_t entries_of(const char* folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// A watch on a thread of its own: what came, and how it ended.
class RunningWatch {
 public:
  RunningWatch(Transport& transport, const std::string& path, Millis idle = Millis(10'000),
               std::size_t most_bytes = 1 << 20) {
    thread_ = std::jthread([this, &transport, path, idle, most_bytes](const std::stop_token& stop) {
      HttpRequest request = get(path);
      request.most_bytes = most_bytes;
      auto result = transport.stream(
          request, idle,
          [this](std::string_view line) {
            const std::scoped_lock lock(mutex_);
            lines_.emplace_back(line);
            return true;
          },
          stop);
      const std::scoped_lock lock(mutex_);
      result_ = std::move(result);
    });
  }

  std::vector<std::string> lines() {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }
  // "ADDED a", "BOOKMARK", ...
  std::vector<std::string> events(bool with_bookmarks = false) {
    std::vector<std::string> texts;
    for (const auto& line : lines()) {
      const auto event = Json::parse(line);
      const auto type = event["type"].get<std::string>();
      if (type == "BOOKMARK" && !with_bookmarks) continue;
      const auto name = event["object"].value(Json::json_pointer("/metadata/name"), "");
      texts.push_back(name.empty() ? type : type + " " + name);
    }
    return texts;
  }
  bool has(std::size_t events) {
    return rig::wait_until([&] { return this->events().size() >= events; }, rig::Milliseconds(5000));
  }
  void stop() { thread_.request_stop(); }
  // How it ended; it must end by itself, or be stopped before.
  Result<HttpResponse> result() {
    rig::wait_until([this] { return over(); }, rig::Milliseconds(10'000));
    thread_.request_stop();
    thread_.join();
    return *result_;
  }

 private:
  bool over() {
    const std::scoped_lock lock(mutex_);
    return result_.has_value();
  }
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::optional<Result<HttpResponse>> result_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
