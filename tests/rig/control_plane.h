// A real API server for tests: etcd and kube-apiserver on random loopback ports, with certificates of their
// own, RBAC, and the RedisRebalance resource established. No controllers run (unless asked for) and no node:
// pods stay as tests write them, status included; nothing is collected as garbage; a deleted namespace never
// ends; the roles view, edit and admin are empty.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rig/certificates.h"
#include "rig/kube_api.h"
#include "rig/process.h"
#include "rig/temp_folder.h"

namespace rig {

// A program that scripts/kube-tools knows: of the folder KUBEBUILDER_ASSETS, else of the cache folder. Throws
// where it is not: `make test` then reports the Kubernetes tests as not run.
std::filesystem::path kube_tool(const std::string& name);

struct ControlPlaneOptions {
  std::vector<std::string> api_server_flags;  // further ones
  bool controllers = false;  // kube-controller-manager: garbage collection, ends of namespaces, ...
};

// Ready about five seconds after its construction. Not thread-safe; start it on a thread that lives as long
// as the test (see Process).
class ControlPlane {
 public:
  explicit ControlPlane(ControlPlaneOptions options = {});
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  // One for all cases of a test program, which each take a namespace of their own; started when first asked
  // for.
  static ControlPlane& shared();

  int port() const { return port_; }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  const std::filesystem::path& ca() const { return ca_.certificate(); }
  const CertificateAuthority& authority() const {
    return ca_;
  }  // its clients are users: CN, with O as their group
  const std::filesystem::path& folder() const { return folder_.path(); }

  KubeApi admin() const;                       // may do everything
  KubeApi as(const std::string& token) const;  // see token_of()

  // A kubeconfig for the program under test or kubectl; with a token (in a file of its own) or, where none is
  // given, the administrator's client certificate.
  std::filesystem::path kubeconfig(const std::string& token = "") const;
  // The same with a token file of the test's own, which it may replace.
  std::filesystem::path kubeconfig_with(const std::filesystem::path& token_file) const;

  std::string new_namespace(const std::string& prefix = "test");
  // A token for a ServiceAccount, which is made where it is not there; without any right until a test binds a
  // role.
  std::string token_of(const std::string& name_space, const std::string& account, int seconds = 3600) const;

  // Until they are served. Throws where they are not.
  void apply_definitions(const std::filesystem::path& file) const;
  // kubectl as the administrator.
  Finished kubectl(const std::vector<std::string>& arguments, const std::string& input = "") const;

  void stop_api_server();   // SIGTERM, then gone
  void kill_api_server();   // SIGKILL
  void start_api_server();  // on the same port; returns when it is ready
  void restart_api_server();
  void pause_api_server();   // SIGSTOP: connections hang
  void resume_api_server();  // SIGCONT
  std::string log() const;   // of the API server

  // Forgets all history in etcd. A watch or a list's continue token from before it then gets 410; of a watch
  // the API server's own cache still knows the last part, so this restarts the server as well.
  void forget_history();

 private:
  std::filesystem::path write_kubeconfig(const std::string& name, const std::string& user) const;
  void start_etcd();
  void start();
  void start_controllers();
  void install_resource() const;
  bool ready() const;

  ControlPlaneOptions options_;
  TempFolder folder_;
  CertificateAuthority ca_;
  int etcd_port_ = 0;
  int port_ = 0;
  int namespaces_ = 0;
  // In this order: the API server has to end before etcd, for which it would wait a minute.
  std::unique_ptr<Process> etcd_;
  std::unique_ptr<Process> api_server_;
  std::unique_ptr<Process> controllers_;
};

}  // namespace rig
