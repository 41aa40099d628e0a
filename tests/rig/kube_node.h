// A whole Kubernetes with one real node (scripts/node): real pods, whose memory limits the kernel enforces,
// in a network of its own. Wants root and what scripts/e2e prepares.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rig/cgroup.h"
#include "rig/kube_api.h"
#include "rig/process.h"
#include "rig/temp_folder.h"

namespace rig {

// Not thread-safe. It ends with the process that made it, however that ends.
class KubeNode {
 public:
  // Returns when the node is Ready; throws with the words of scripts/node otherwise. From then on the calling
  // thread is in the node's network, and so is what it starts: a pod's address is reached as it is, the API
  // server as 127.0.0.1:6443.
  explicit KubeNode(const std::vector<std::filesystem::path>& images);
  ~KubeNode();  // and back
  KubeNode(const KubeNode&) = delete;
  KubeNode& operator=(const KubeNode&) = delete;

  KubeApi admin() const;  // may do everything
  Finished kubectl(const std::vector<std::string>& arguments, const std::string& input = "") const;
  Finished helm(const std::vector<std::string>& arguments) const;

  // Of a pod that runs a single container; all 0 where there is none.
  MemoryUsage memory_of(const std::string& name_space, const std::string& pod) const;

 private:
  Finished tool(const std::string& name, std::vector<std::string> arguments, const std::string& input) const;

  TempFolder temp_;  // scripts/node removes it as well, where this process is killed
  std::filesystem::path folder_;
  int own_network_ = -1;
};

}  // namespace rig
