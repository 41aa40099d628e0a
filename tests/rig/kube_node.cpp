#include "rig/kube_node.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>

#include "rig/control_plane.h"

namespace rig {
namespace {

namespace fs = std::filesystem;

constexpr int kPort = 6443;

fs::path script() { return fs::path(SOURCE_FOLDER) / "scripts" / "node"; }

std::string line_of(const fs::path& file) {
  const std::string text = read_file(file);
  return text.substr(0, text.find('\n'));
}

int open_network(const std::string& process) {
  const int fd = open(("/proc/" + process + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "the network of process " + process);
  return fd;
}

void enter(int network) {
  if (setns(network, CLONE_NEWNET) != 0) throw std::system_error(errno, std::generic_category(), "setns");
}

}  // namespace

KubeNode::KubeNode(const std::vector<fs::path>& images) : folder_(temp_.path()) {
  std::vector<std::string> words{script(), "up", folder_};
  words.insert(words.end(), images.begin(), images.end());
  const Finished up = run(words, {.limit = Milliseconds(300'000)});
  if (up.exit_code != 0) throw std::runtime_error("no node came up: " + up.err);
  own_network_ = open_network("thread-self");
  const int network = open_network(line_of(folder_ / "init"));
  enter(network);
  close(network);
}

KubeNode::~KubeNode() {
  setns(own_network_, CLONE_NEWNET);
  close(own_network_);
  run({script(), "down", folder_});
}

KubeApi KubeNode::admin() const {
  return KubeApi({.port = kPort, .ca = folder_ / "pki" / "ca.crt", .token = line_of(folder_ / "token")});
}

Finished KubeNode::tool(const std::string& name, std::vector<std::string> arguments,
                        const std::string& input) const {
  arguments.insert(arguments.begin(), kube_tool(name));
  return run(arguments, {.limit = Milliseconds(300'000),
                         .input = input,
                         .environment = {{"KUBECONFIG", folder_ / "pki" / "admin.kubeconfig"},
                                         {"HOME", folder_},
                                         {"KUBECACHEDIR", folder_ / "kubectl"}}});
}

Finished KubeNode::kubectl(const std::vector<std::string>& arguments, const std::string& input) const {
  return tool("kubectl", arguments, input);
}

Finished KubeNode::helm(const std::vector<std::string>& arguments) const {
  return tool("helm", arguments, "");
}

// The kubelet names a pod's group after its UID and puts the container's, named after its id, into it.
MemoryUsage KubeNode::memory_of(const std::string& name_space, const std::string& pod) const {
  const KubeApi api = admin();
  const std::string path = core_path(name_space, "pods", pod);
  const std::string uid = api.field(path, "/metadata/uid").value_or("");
  const std::string id = api.field(path, "/status/containerStatuses/0/containerID").value_or("");
  fs::path groups = "/sys/fs/cgroup";
  if (fs::exists(groups / "memory")) groups /= "memory";
  groups /= line_of(folder_ / "cgroup");
  groups /= "kubepods";
  for (const auto& quality : {"", "burstable", "besteffort"}) {
    const fs::path group = groups / quality / ("pod" + uid) / id.substr(id.rfind('/') + 1);
    if (!uid.empty() && !id.empty() && fs::exists(group)) return read_usage(group);
  }
  return {};
}

}  // namespace rig
