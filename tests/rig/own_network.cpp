#include "rig/own_network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "rig/process.h"

namespace rig {
namespace {

constexpr const char* kClients = "127.0.0.1";  // whoever binds to nothing speaks from here

void nft(const std::string& command) {
  const auto finished = run({"nft", command});
  if (finished.exit_code != 0) throw std::runtime_error("nft " + command + ": " + finished.err);
}

void bring_loopback_up() {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool up = ioctl(descriptor, SIOCSIFFLAGS, &request) == 0;
  close(descriptor);
  if (!up) throw std::runtime_error("the loopback of a network namespace cannot be brought up");
}

}  // namespace

const std::string& networks_unavailable() {
  static const std::string reason = []() -> std::string {
    try {
      const OwnNetwork tried;
      return "";
    } catch (const std::runtime_error& why) {
      return why.what();
    }
  }();
  return reason;
}

OwnNetwork::OwnNetwork() : outside_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  if (outside_ < 0 || unshare(CLONE_NEWNET) != 0) {
    close(outside_);
    throw std::runtime_error("no network namespace can be made here");
  }
  try {
    bring_loopback_up();
    nft("add table ip cut");
    nft("add chain ip cut in { type filter hook input priority 0; }");
  } catch (const std::runtime_error&) {
    setns(outside_, CLONE_NEWNET);
    close(outside_);
    throw;
  }
}

OwnNetwork::~OwnNetwork() {
  setns(outside_, CLONE_NEWNET);
  close(outside_);
}

void OwnNetwork::cut_off(const std::string& host) {
  nft("add rule ip cut in ip saddr " + host + " drop");
  nft("add rule ip cut in ip daddr " + host + " drop");
}

void OwnNetwork::cut_off_from_clients(const std::string& host) {
  nft("add rule ip cut in ip saddr " + host + " ip daddr " + kClients + " drop");
  nft("add rule ip cut in ip saddr " + std::string(kClients) + " ip daddr " + host + " drop");
}

void OwnNetwork::heal() { nft("flush chain ip cut in"); }

}  // namespace rig
