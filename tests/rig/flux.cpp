#include "rig/flux.h"

#include <algorithm>
#include <stdexcept>

namespace rig {
namespace {

constexpr const char* kSources = "source-controller";
constexpr const char* kKustomizations = "kustomize-controller";
constexpr const char* kHelm = "helm-controller";

std::string definitions_of(const std::string& controller) { return kube_tool(controller + ".crds.yaml"); }

std::string loopback(int port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

bool has_flux() {
  try {
    return std::ranges::all_of(
        std::vector<std::string>{kSources, kKustomizations, kHelm},
        [](const auto& name) { return !kube_tool(name).empty() && !definitions_of(name).empty(); });
  } catch (const std::runtime_error&) {
    return false;
  }
}

Flux::Flux(ControlPlane& plane, const GitServer& git, const FluxOptions& options) {
  plane.apply_definitions(definitions_of(kSources));
  plane.apply_definitions(definitions_of(kKustomizations));
  if (options.helm) plane.apply_definitions(definitions_of(kHelm));
  const std::string storage = loopback(free_port());
  sources_ = start(plane, git, kSources,
                   {"--storage-path=" + (folder_.path() / "storage").string(), "--storage-addr=" + storage,
                    "--storage-adv-addr=" + storage});
  const std::string gates = options.feature_gates;
  kustomizations_ = start(
      plane, git, kKustomizations,
      gates.empty() ? std::vector<std::string>{} : std::vector<std::string>{"--feature-gates=" + gates});
  if (options.helm) releases_ = start(plane, git, kHelm, {});
}

std::unique_ptr<Process> Flux::start(const ControlPlane& plane, const GitServer& git,
                                     const std::string& controller, std::vector<std::string> more) const {
  const auto temporary = folder_.path() / (controller + ".tmp");
  std::filesystem::create_directories(temporary);
  std::filesystem::create_directories(folder_.path() / "storage");
  more.insert(more.begin(),
              {kube_tool(controller), "--metrics-addr=0", "--health-addr=" + loopback(free_port()),
               "--requeue-dependency=1s", "--log-encoding=console"});
  return std::make_unique<Process>(more, ProcessOptions{.output = folder_.path() / (controller + ".log"),
                                                        .environment = {{"KUBECONFIG", plane.kubeconfig()},
                                                                        {"RUNTIME_NAMESPACE", "flux-system"},
                                                                        {"SSL_CERT_FILE", git.ca()},
                                                                        {"TMPDIR", temporary}}});
}

std::string Flux::said() const {
  std::string all;
  for (const std::string controller : {kKustomizations, kHelm}) {
    const auto log = folder_.path() / (controller + ".log");
    if (!std::filesystem::exists(log)) continue;
    all += last_of(log);
  }
  return all;
}

}  // namespace rig
