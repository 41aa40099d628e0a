#include "rig/argo_cd.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace rig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kHost = "127.0.0.1";

std::string loopback(int port) { return std::string(kHost) + ":" + std::to_string(port); }

}  // namespace

bool has_argo_cd() {
  try {
    return std::ranges::all_of(
        std::vector<std::string>{"argocd", "argocd.crds.yaml", "argocd.config.yaml", "kustomize", "helm"},
        [](const auto& name) { return !kube_tool(name).empty(); });
  } catch (const std::runtime_error&) {
    return false;
  }
}

ArgoCd::ArgoCd(ControlPlane& plane, const GitServer& git) : repo_port_(free_port()), api_port_(free_port()) {
  install(plane);
  prepare(git);
  redis_ = std::make_unique<Server>(version_named("r70"), folder_.path() / "redis",
                                    ServerOptions{.cluster = false});
  repositories_ = start(plane, "repo-server",
                        {"--address", kHost, "--port", std::to_string(repo_port_), "--disable-tls",
                         "--metrics-address", kHost});
  const std::vector<std::string> common = {
      "--repo-server", loopback(repo_port_), "--repo-server-plaintext", "--namespace",
      "argocd",        "--kubeconfig",       plane.kubeconfig()};
  controller_ = start(plane, "application-controller", common);
  auto of_api = common;
  of_api.insert(of_api.end(), {"--address", kHost, "--port", std::to_string(api_port_), "--insecure",
                               "--metrics-address", kHost});
  api_ = start(plane, "server", of_api);
  token_ = log_in(plane);
}

void ArgoCd::install(const ControlPlane& plane) const {
  plane.apply_definitions(kube_tool("argocd.crds.yaml"));
  const Finished done = plane.kubectl({"apply", "-n", "argocd", "-f", kube_tool("argocd.config.yaml")});
  if (done.exit_code != 0) throw std::runtime_error("Argo CD: " + done.err);
}

// What its image has in its folders.
void ArgoCd::prepare(const GitServer& git) const {
  for (const char* name : {"bin", "tls", "ssh", "tmp", "home"}) fs::create_directories(folder_.path() / name);
  for (const char* name : {"kustomize", "helm"})
    fs::create_symlink(kube_tool(name), folder_.path() / "bin" / name);
  fs::copy_file(git.ca(), folder_.path() / "tls" / kHost);
  write_file(folder_.path() / "ssh" / "ssh_known_hosts", "");
}

std::unique_ptr<Process> ArgoCd::start(const ControlPlane& plane, const std::string& part,
                                       std::vector<std::string> more) const {
  const auto folder = [&](const char* name) { return (folder_.path() / name).string(); };
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing changes it
  more.insert(more.begin(), kube_tool("argocd"));
  more.insert(more.end(), {"--redis", loopback(redis_->port()), "--metrics-port", std::to_string(free_port()),
                           "--logformat", "text"});
  return std::make_unique<Process>(
      more, ProcessOptions{.output = folder_.path() / (part + ".log"),
                           .environment = {{"ARGOCD_BINARY_NAME", "argocd-" + part},
                                           {"ARGOCD_FAKE_IN_CLUSTER", "true"},
                                           {"ARGOCD_GPG_ENABLED", "false"},
                                           {"ARGOCD_TLS_DATA_PATH", folder("tls")},
                                           {"ARGOCD_SSH_DATA_PATH", folder("ssh")},
                                           {"KUBECONFIG", plane.kubeconfig()},
                                           {"PATH", folder("bin") + ":" + (path != nullptr ? path : "")},
                                           {"HOME", folder("home")},
                                           {"TMPDIR", folder("tmp")}}});
}

std::string ArgoCd::log_in(const ControlPlane& plane) const {
  std::string token;
  const auto try_it = [&] {
    const auto found = plane.kubectl({"get", "secret", "argocd-initial-admin-secret", "-n", "argocd", "-o",
                                      "go-template={{.data.password | base64decode}}"});
    if (found.exit_code != 0) return false;
    try {
      const auto answer =
          call("POST", "/api/v1/session", json{{"username", "admin"}, {"password", found.out}}.dump());
      if (answer.ok()) token = json::parse(answer.body).at("token");
    } catch (const std::runtime_error&) {
      return false;  // it does not listen yet
    }
    return !token.empty();
  };
  if (!wait_until(try_it, Milliseconds(60'000)))
    throw std::runtime_error("Argo CD does not let the administrator in: " +
                             read_file(folder_.path() / "server.log"));
  return token;
}

HttpAnswer ArgoCd::call(const std::string& method, const std::string& path, const std::string& body,
                        const std::string& token) const {
  return http({.port = api_port_, .token = token.empty() ? token_ : token}, method, path, body);
}

std::string ArgoCd::said() const { return last_of(folder_.path() / "application-controller.log"); }

}  // namespace rig
