// The fake API server does what the real one does.
#include "kubernetes/conformance_cases.h"
#include "rig/fake_api_server.h"

namespace rebalance {
namespace {

class Fake : public RunningApiServer {
 public:
  ClusterConfig admin() override { return config_at(server_.kubeconfig()); }

 private:
  rig::FakeApiServer server_;
};

const ApiServerKind kFake{"fake", [] { return std::make_shared<Fake>(); }};

INSTANTIATE_TEST_SUITE_P(Fake, ApiServerConformance, ::testing::Values(kFake),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace rebalance
