// A whole Argo CD beside a control plane, as processes: application-controller, repo-server, API server and
// Redis, with its own settings as it installs them.
#pragma once

#include <memory>

#include "rig/control_plane.h"
#include "rig/git_server.h"
#include "rig/server.h"

namespace rig {

// Whether scripts/kube-tools got all of it; what it says where it did not.
bool has_argo_cd();

// Lives in the namespace argocd, which has to be there, with the administrator's rights, as Argo CD's own
// installation has them. Git's authority is known as argocd-tls-certs-cm makes it known. Without TLS between
// its parts.
class ArgoCd {
 public:
  ArgoCd(ControlPlane& plane, const GitServer& git);

  // Its API, as the administrator where no token is given.
  HttpAnswer call(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& token = "") const;
  std::string said() const;  // by application-controller, the end of it

 private:
  void install(const ControlPlane& plane) const;
  void prepare(const GitServer& git) const;
  std::unique_ptr<Process> start(const ControlPlane& plane, const std::string& part,
                                 std::vector<std::string> more) const;
  std::string log_in(const ControlPlane& plane) const;

  TempFolder folder_;
  int repo_port_ = 0;
  int api_port_ = 0;
  std::string token_;
  std::unique_ptr<Server> redis_;
  std::unique_ptr<Process> repositories_, controller_, api_;
};

}  // namespace rig
