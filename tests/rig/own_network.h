// A network of the test's own, so that it can be cut: nothing outside it is touched.
#pragma once

#include <string>

namespace rig {

// Empty when a network namespace can be made here and packets be dropped in it, else the reason why not.
const std::string& networks_unavailable();

// From here on the calling thread, the processes and the threads that it starts see a loopback of their own,
// until this ends. Throws where there can be none: ask networks_unavailable() first.
class OwnNetwork {
 public:
  OwnNetwork();
  ~OwnNetwork();
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;

  // Packets from and to this address are lost, as if its machine's cable was pulled: no reset, no error.
  void cut_off(const std::string& host);
  // Only those between clients and this address: nodes that speak from addresses of their own go on.
  void cut_off_from_clients(const std::string& host);
  void heal();

 private:
  int outside_;  // the namespace to go back to
};

}  // namespace rig
