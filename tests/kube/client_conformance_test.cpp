// The real API server does what this program counts on, and what the fake one imitates.
#include "kubernetes/conformance_cases.h"
#include "rig/control_plane.h"

namespace rebalance {
namespace {

class Real : public RunningApiServer {
 public:
  ClusterConfig admin() override { return config_at(rig::ControlPlane::shared().kubeconfig()); }
};

const ApiServerKind kReal{"real", [] { return std::make_shared<Real>(); }};

INSTANTIATE_TEST_SUITE_P(Real, ApiServerConformance, ::testing::Values(kReal),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace rebalance
