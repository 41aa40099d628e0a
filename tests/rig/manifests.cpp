#include "rig/manifests.h"

#include <openssl/evp.h>

#include <sstream>

#include "rig/temp_folder.h"

namespace rig {
namespace {

std::string base64(const std::string& text) {
  std::string encoded(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<size_t>(size));
  return encoded;
}

std::string indented(const std::string& text, const std::string& by) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) out += by + line + "\n";
  return out;
}

std::string resources(int64_t limit) {
  if (limit == 0) return "resources: {}\n";
  const std::string memory = std::to_string(limit);
  return "resources:\n  limits:\n    memory: \"" + memory + "\"\n  requests:\n    memory: \"" + memory +
         "\"\n";
}

// One item of the List, in kubectl's order of fields.
std::string pod(const Server& server, int index, int64_t limit) {
  const std::string name = "redis-" + std::to_string(index);
  std::ostringstream out;
  out << "- apiVersion: v1\n"
         "  kind: Pod\n"
         "  metadata:\n"
         "    creationTimestamp: \"2026-01-01T00:00:00Z\"\n"
         "    generateName: redis-\n"
         "    labels:\n"
         "      app: redis-cluster\n"
         "      apps.kubernetes.io/pod-index: \""
      << index << "\"\n    name: " << name << "\n    namespace: default\n    uid: 00000000-0000-4000-8000-"
      << std::to_string(100000000000 + server.port()) << "\n"
      << "  spec:\n"
         "    containers:\n"
         "    - name: redis\n"
         "      image: redis\n"
         "      ports:\n"
         "      - containerPort: "
      << server.port() << "\n        name: redis\n        protocol: TCP\n"
      << indented(resources(limit), "      ") << "    nodeName: node-" << index
      << "\n    restartPolicy: Always\n"
      << "  status:\n"
         "    conditions:\n"
         "    - {lastTransitionTime: \"2026-01-01T00:00:05Z\", status: \"True\", type: Ready}\n"
         "    containerStatuses:\n"
         "    - name: redis\n"
         "      image: redis\n"
         "      ready: true\n"
         "      restartCount: 0\n"
         "      started: true\n"
      << indented(resources(limit), "      ")
      << "      state:\n        running:\n          startedAt: \"2026-01-01T00:00:04Z\"\n"
      << "    hostIP: 127.0.0.1\n    phase: Running\n    podIP: " << '"' << server.host() << '"'
      << "\n    podIPs:\n    - ip: \"" << server.host() << "\"\n";
  return out.str();
}

std::string secret(const std::string& name, const std::string& name_space,
                   const std::vector<std::pair<std::string, std::string>>& data) {
  std::string text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: " + name +
                     "\n  namespace: " + name_space + "\ntype: Opaque\ndata:\n";
  for (const auto& [key, value] : data) text += "  " + key + ": " + base64(value) + "\n";
  return text;
}

}  // namespace

std::string rebalance_yaml(const TestCluster& cluster, const ManifestOptions& options) {
  const ServerOptions& server = cluster.node(0).options();
  std::string text =
      "apiVersion: redisrebalance.io/v1alpha1\nkind: RedisRebalance\nmetadata:\n  name: " + options.name +
      "\n  namespace: " + options.name_space +
      "\nspec:\n  cluster:\n    podSelector:\n      matchLabels:\n        app: redis-cluster\n"
      "    port: redis\n";
  if (!server.password.empty()) text += "    auth:\n      secretName: redis-auth\n";
  if (server.tls)
    text += "    tls:\n      secretName: redis-tls\n      serverName: " + options.server_name + "\n";
  if (options.spec.find("canary:") == std::string::npos) text += "  canary: {slots: 0}\n";
  return text + "  goal:\n" + indented(options.goal, "    ") + indented(options.spec, "  ");
}

std::string secrets_yaml(const TestCluster& cluster, const std::string& name_space) {
  const ServerOptions& server = cluster.node(0).options();
  std::string secrets;
  if (!server.password.empty()) {
    const std::string user = server.user.empty() ? "default" : server.user;
    secrets += secret("redis-auth", name_space, {{"username", user}, {"password", server.password}});
  }
  if (server.tls) {
    secrets += (secrets.empty() ? "" : "---\n") + secret("redis-tls", name_space,
                                                         {{"ca.crt", read_file(server.tls->ca)},
                                                          {"tls.crt", read_file(server.tls->certificate)},
                                                          {"tls.key", read_file(server.tls->key)}});
  }
  return secrets;
}

void write_manifests(const std::filesystem::path& folder, const TestCluster& cluster,
                     const ManifestOptions& options) {
  std::string pods = "apiVersion: v1\nitems:\n";
  for (int index = 0; index < cluster.size(); ++index)
    pods += pod(cluster.node(index), index,
                cluster.node(index).options().memory_limit.value_or(options.default_limit));
  std::filesystem::create_directories(folder);
  write_file(folder / "pods.yaml", pods + "kind: List\nmetadata:\n  resourceVersion: \"\"\n");
  write_file(folder / "rebalance.yaml", rebalance_yaml(cluster, options));
  const std::string secrets = secrets_yaml(cluster, options.name_space);
  if (!secrets.empty()) write_file(folder / "secrets.yaml", secrets);
}

}  // namespace rig
