#include "kube/cluster_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"

namespace rebalance {
namespace {

// The files of a list like KUBECONFIG's.
std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> files;
  for (std::string_view rest = list; !rest.empty();) {
    if (const auto file = cut(rest, ':'); !file.empty()) files.emplace_back(file);
  }
  return files;
}

Result<int> read_port(const std::string& text) {
  const auto port = whole_number<std::uint16_t>(text);
  if (!port || *port == 0) {
    return invalid_input(
        fmt::format("KUBERNETES_SERVICE_PORT is \"{}\": not a port between 1 and 65535", text));
  }
  return *port;
}

std::string trimmed_line(const std::string& text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return end == std::string::npos ? std::string() : text.substr(0, end + 1);
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
}

Result<ClusterConfig> in_cluster_config(const Environment& environment, const std::string& folder) {
  ClusterConfig config;
  config.origin = "the service account of this pod";
  config.host = environment("KUBERNETES_SERVICE_HOST");
  if (config.host.starts_with('[') && config.host.ends_with(']')) {
    config.host = config.host.substr(1, config.host.size() - 2);
  }
  if (config.host.empty())
    return invalid_input("KUBERNETES_SERVICE_HOST is not set: this does not run in a pod of Kubernetes");
  TRY(port, read_port(environment("KUBERNETES_SERVICE_PORT")));
  config.port = port;
  config.ca.file = folder + "/ca.crt";
  const TextSource token{{}, folder + "/token"};
  for (const auto* const source : std::initializer_list<const TextSource*>{&config.ca, &token}) {
    if (const auto text = source->read("the pod's service account"); !text) {
      return invalid_input(
          text.error().message +
          "; is automountServiceAccountToken off for this pod or its service account? It must be on");
    }
  }
  const auto name_space = TextSource{{}, folder + "/namespace"}.read("the pod's service account");
  if (name_space) config.name_space = trimmed_line(*name_space);
  config.credentials = std::make_shared<FileCredentials>(FileCredentials::Sources{.token = token});
  return config;
}

Result<ClusterConfig> find_cluster_config(const std::string& kubeconfig, const std::string& context,
                                          const Environment& environment) {
  if (!kubeconfig.empty()) return read_kubeconfig({kubeconfig}, context);
  if (const auto list = split_list(environment("KUBECONFIG")); !list.empty()) {
    return read_kubeconfig(list, context);
  }
  if (!environment("KUBERNETES_SERVICE_HOST").empty()) {
    if (!context.empty()) {
      return invalid_input(fmt::format(
          "context {} is asked for, but in a pod there is only its service account: name a kubeconfig",
          context));
    }
    return in_cluster_config(environment);
  }
  const auto home = environment("HOME");
  const auto file = home + "/.kube/config";
  std::error_code ignored;
  if (home.empty() || !std::filesystem::exists(file, ignored)) {
    return invalid_input(
        "no cluster is configured: this runs in no pod, KUBECONFIG is not set, and there is no "
        "~/.kube/config; name a kubeconfig with --kubeconfig");
  }
  return read_kubeconfig({file}, context);
}

}  // namespace rebalance
