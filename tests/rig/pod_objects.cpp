#include "rig/pod_objects.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace rig {
namespace {

using Json = nlohmann::json;

Json resources(int64_t limit) {
  if (limit == 0) return Json::object();
  const Json memory{{"memory", std::to_string(limit)}};
  return {{"limits", memory}, {"requests", memory}};
}

Json pod_spec(const Server& server, int64_t limit, bool restarts_on_resize) {
  Json container{{"name", "redis"},
                 {"image", "redis"},
                 {"ports", {{{"containerPort", server.port()}, {"name", "redis"}, {"protocol", "TCP"}}}},
                 {"resources", resources(limit)}};
  if (restarts_on_resize) {
    container["resizePolicy"] =
        Json::array({{{"resourceName", "memory"}, {"restartPolicy", "RestartContainer"}}});
  }
  return {{"containers", Json::array({container})}, {"nodeName", "node-1"}};
}

Json pod_status(const Server& server, int64_t limit) {
  const std::string time = "2026-01-01T00:00:05Z";
  Json container{{"name", "redis"},
                 {"image", "redis"},
                 {"imageID", ""},
                 {"ready", true},
                 {"restartCount", 0},
                 {"started", true},
                 {"resources", resources(limit)},
                 {"state", {{"running", {{"startedAt", time}}}}}};
  return {{"phase", "Running"},
          {"podIP", server.host()},
          {"podIPs", {{{"ip", server.host()}}}},
          {"conditions", {{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", time}}}},
          {"containerStatuses", Json::array({container})}};
}

// The documents of `yaml`, which all are Secrets, each to its own path.
void apply_secrets(const KubeApi& api, const std::string& name_space, const std::string& yaml) {
  size_t from = 0;
  while (from < yaml.size()) {
    const size_t end = std::min(yaml.find("---\n", from), yaml.size());
    const std::string one = yaml.substr(from, end - from);
    const std::string name = one.find("name: redis-auth\n") != std::string::npos ? "redis-auth" : "redis-tls";
    api.apply(core_path(name_space, "secrets", name), one);
    from = end + 4;
  }
}

int64_t bytes_at(const KubeApi& api, const std::string& path, const std::string& pointer) {
  const std::string text = api.field(path, pointer).value_or("0");
  size_t digits = 0;
  const int64_t number = std::stoll(text, &digits);
  const std::string unit = text.substr(digits);
  return unit == "Gi" ? number << 30 : unit == "Mi" ? number << 20 : unit == "Ki" ? number << 10 : number;
}

}  // namespace

void write_pod(const KubeApi& api, const std::string& name_space, const TestCluster& cluster, int index,
               const KubePodOptions& options) {
  const Server& server = cluster.node(index);
  const int64_t limit = server.options().memory_limit.value_or(options.default_limit);
  const std::string name = options.prefix + std::to_string(index);
  const std::string path = core_path(name_space, "pods", name);
  Json pod{{"apiVersion", "v1"}, {"kind", "Pod"}};
  pod["metadata"] = {
      {"name", name},
      {"labels", {{"app", options.app}, {"apps.kubernetes.io/pod-index", std::to_string(index)}}}};
  pod["spec"] = pod_spec(server, limit, options.restarts_on_resize);
  api.apply(path, pod.dump());
  api.merge(path + "/status", Json{{"status", pod_status(server, limit)}}.dump());
}

void write_pods(const KubeApi& api, const std::string& name_space, const TestCluster& cluster,
                const KubePodOptions& options) {
  for (int index = 0; index < cluster.size(); ++index) write_pod(api, name_space, cluster, index, options);
  apply_secrets(api, name_space, secrets_yaml(cluster, name_space));
}

void set_running_limit(const KubeApi& api, const std::string& name_space, const std::string& pod,
                       int64_t bytes) {
  const std::string path = core_path(name_space, "pods", pod);
  Json statuses = Json::parse(api.get(path)).at("status").at("containerStatuses");
  statuses.at(0)["resources"] = resources(bytes);
  api.merge(path + "/status", Json{{"status", {{"containerStatuses", statuses}}}}.dump());
}

int64_t wanted_limit(const KubeApi& api, const std::string& name_space, const std::string& pod) {
  return bytes_at(api, core_path(name_space, "pods", pod), "/spec/containers/0/resources/limits/memory");
}

int64_t running_limit(const KubeApi& api, const std::string& name_space, const std::string& pod) {
  return bytes_at(api, core_path(name_space, "pods", pod),
                  "/status/containerStatuses/0/resources/limits/memory");
}

void write_node(const KubeApi& api) {
  const std::string path = "/api/v1/nodes/node-1";
  api.apply(path, R"({"apiVersion": "v1", "kind": "Node",
                      "metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux"}}})");
  const Json room{{"cpu", "64"}, {"memory", "256Gi"}, {"pods", "1000"}};
  api.merge(path + "/status", Json{{"status", {{"capacity", room}, {"allocatable", room}}}}.dump());
}

void resize(const KubeApi& api, const std::string& name_space, const std::string& pod, int64_t bytes) {
  const Json container{{"name", "redis"}, {"resources", resources(bytes)}};
  const Json patch{{"spec", {{"containers", Json::array({container})}}}};
  const auto answer = api.send("PATCH", core_path(name_space, "pods", pod) + "/resize", patch.dump(),
                               "application/strategic-merge-patch+json");
  if (!answer.ok()) throw std::runtime_error("the pod " + pod + " was not resized: " + answer.body);
}

void say_of_resize(const KubeApi& api, const std::string& name_space, const std::string& pod,
                   const std::string& reason, const std::string& message) {
  const std::string path = core_path(name_space, "pods", pod), time = "2026-01-01T00:00:05Z";
  Json conditions = Json::parse(api.get(path)).at("status").at("conditions");
  std::erase_if(conditions.get_ref<Json::array_t&>(),
                [](const Json& condition) { return condition.at("type") == "PodResizePending"; });
  if (!reason.empty()) {
    conditions.push_back({{"type", "PodResizePending"},
                          {"status", "True"},
                          {"reason", reason},
                          {"message", message},
                          {"lastTransitionTime", time}});
  }
  api.merge(path + "/status", Json{{"status", {{"conditions", conditions}}}}.dump());
}

void remove_pod(const KubeApi& api, const std::string& name_space, const std::string& pod) {
  api.remove(core_path(name_space, "pods", pod) + "?gracePeriodSeconds=0");
}

void apply_rebalance(const KubeApi& api, const TestCluster& cluster, const ManifestOptions& options) {
  api.apply(rebalance_path(options.name_space, options.name), rebalance_yaml(cluster, options), "person");
}

}  // namespace rig
