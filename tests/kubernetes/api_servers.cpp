#include "api_servers.h"

#include "client_rig.h"
#include "rig/fake_api_server.h"

namespace rebalance {
namespace {

class Fake : public RunningApiServer {
 public:
  ClusterConfig admin() override { return config_at(server_.kubeconfig()); }

 private:
  rig::FakeApiServer server_;
};

}  // namespace

std::vector<ApiServerKind> api_servers() {
  return {{"fake", [] { return std::make_shared<Fake>(); }}};
}

}  // namespace rebalance
