// The real controllers of Flux beside a control plane, as processes: source-controller and
// kustomize-controller, and where it is wanted helm-controller.
#pragma once

#include <memory>

#include "rig/control_plane.h"
#include "rig/git_server.h"

namespace rig {

// Whether scripts/kube-tools got all three; what it says where it did not.
bool has_flux();

struct FluxOptions {
  std::string feature_gates;  // of kustomize-controller: NAME=true
  bool helm = false;          // helm-controller too
};

// Installs Flux's resources and starts them with the administrator's rights, as Flux's own installation has
// them. What fails is asked again each second, where they would wait for half a minute.
class Flux {
 public:
  Flux(ControlPlane& plane, const GitServer& git, const FluxOptions& options = {});

  std::string said() const;  // by kustomize-controller and helm-controller, the ends of it

 private:
  std::unique_ptr<Process> start(const ControlPlane& plane, const GitServer& git,
                                 const std::string& controller, std::vector<std::string> more) const;

  TempFolder folder_;
  std::unique_ptr<Process> sources_, kustomizations_, releases_;
};

}  // namespace rig
