// Where the API server is, which CA to trust, and who we are: from a kubeconfig, or from inside a pod.
//
// Everything that this program cannot do is refused with a sentence rather than passed over: a connection
// that is less guarded than its configuration asks for would be worse than none.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/credentials.h"

namespace rebalance {

struct ClusterConfig {
  std::string origin;  // for messages: "the service account of this pod", "context prod of ~/.kube/config"
  std::string host;    // a name or an IP literal, without brackets
  int port = 443;
  std::string base_path;    // before every path: "" or "/k8s/clusters/c-1"
  std::string server_name;  // what the certificate must name; empty: the host
  TextSource ca;            // PEM; read again for each new connection
  std::string name_space = "default";
  std::shared_ptr<CredentialSource> credentials;
};

// How a variable of the environment is looked up: empty when it is not set.
using Environment = std::function<std::string(const std::string& name)>;
Environment process_environment();

// From the first of these that is there, as controllers written in Go do: the given file, the files of
// KUBECONFIG, the pod's service account, ~/.kube/config. `context` empty: the current one.
Result<ClusterConfig> find_cluster_config(const std::string& kubeconfig, const std::string& context,
                                          const Environment& environment);

// The files one after the other: what is defined first holds, as kubectl merges them. Files that are not
// there are passed over when there are several.
Result<ClusterConfig> read_kubeconfig(const std::vector<std::string>& files, const std::string& context);

// KUBERNETES_SERVICE_HOST and _PORT, and the files token, ca.crt and namespace of `folder`.
constexpr auto kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
Result<ClusterConfig> in_cluster_config(const Environment& environment,
                                        const std::string& folder = kServiceAccountFolder);

}  // namespace rebalance
