#include "rig/pod_objects.h"

#include <nlohmann/json.hpp>

namespace rig {
namespace {

using Json = nlohmann::json;

Json resources(int64_t limit) {
  if (limit == 0) return Json::object();
  const Json memory{{"memory", std::to_string(limit)}};
  return {{"limits", memory}, {"requests", memory}};
}

Json pod_spec(const Server& server, int64_t limit) {
  return {{"containers",
           {{{"name", "redis"},
             {"image", "redis"},
             {"ports", {{{"containerPort", server.port()}, {"name", "redis"}, {"protocol", "TCP"}}}},
             {"resources", resources(limit)}}}},
          {"nodeName", "node-1"}};
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
  pod["spec"] = pod_spec(server, limit);
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

void remove_pod(const KubeApi& api, const std::string& name_space, const std::string& pod) {
  api.remove(core_path(name_space, "pods", pod) + "?gracePeriodSeconds=0");
}

void apply_rebalance(const KubeApi& api, const TestCluster& cluster, const ManifestOptions& options) {
  api.apply(rebalance_path(options.name_space, options.name), rebalance_yaml(cluster, options), "person");
}

}  // namespace rig
