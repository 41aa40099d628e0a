// What the tests of the operator share: a namespace with the pods of a real cluster, operators that watch it,
// and what they say.
#pragma once

#include "rig/control_plane.h"
#include "rig/pod_objects.h"
#include "servers/run_rig.h"

namespace rebalance {

inline constexpr rig::Milliseconds kSoon{30'000};
inline constexpr rig::Milliseconds kWork{120'000};

// Slow enough for what takes half a minute to come in the middle of it.
inline constexpr const char* kVerySlowly = "engine: KeyByKey\nbatch: {maxBytesPerSecond: 80Ki}\n";

inline std::string hour_from_now(int later) {
  const auto then = std::time(nullptr) + later * 3600;
  std::tm utc{};
  gmtime_r(&then, &utc);
  return (utc.tm_hour < 10 ? "0" : "") + std::to_string(utc.tm_hour) + ":00";
}
// A line below spec: slots may move in some eleven hours.
inline std::string window_later() {
  return "windows: [{days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], start: \"" + hour_from_now(11) +
         "\", end: \"" + hour_from_now(13) + "\"}]\n";
}

enum class Rights { kAll, kNone };  // of the operator's account, in the namespace of the test

// A namespace with the pods of three primaries and an empty one.
class OperatorTest : public testing::Test {
 protected:
  explicit OperatorTest(const rig::ClusterOptions& options = {.primaries = 3, .empty_primaries = 1},
                        std::int64_t keys = 20'000, Rights rights = Rights::kAll,
                        const rig::ServerVersion& version = rig::version_named("r70"))
      : cluster_(version, options) {
    rig::fill(cluster_.seed(), {.keys = keys});
    rig::write_pods(api_, space_, cluster_);
    if (rights == Rights::kAll) bind_administrator();
  }

  // A RedisRebalance called rebalance, to be executed at once.
  void apply(const std::string& goal = "type: Balance", const std::string& more = "") {
    apply_named("rebalance", goal, kAtOnce + more);
  }
  void apply_named(const std::string& name, const std::string& goal, const std::string& more,
                   const std::string& observe = "observeSeconds: 0\n") {
    rig::apply_rebalance(api_, cluster_,
                         {.name = name, .name_space = space_, .goal = goal, .spec = kAlone + observe + more});
  }
  // What was slow on purpose may now end. It edits the spec, so the operator begins anew with what is left.
  void lift_the_bound() { api_.merge(path(), R"({"spec": {"batch": {"maxBytesPerSecond": null}}})"); }

  std::unique_ptr<Started> start(const std::vector<std::string>& more = {}) {
    return start_with(plane_.kubeconfig(plane_.token_of(space_, "operator")), more);
  }
  std::unique_ptr<Started> start_with(const std::filesystem::path& kubeconfig,
                                      const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{
        PROGRAM, "operator",        "--kubeconfig", kubeconfig,          "--namespaces",
        space_,  "--own-namespace", own_space_,     "--metrics-address", "127.0.0.1:0"};
    words.insert(words.end(), more.begin(), more.end());
    return std::make_unique<Started>(words, folder_.path() / ("said-" + std::to_string(++starts_)));
  }

  std::string path(const std::string& name = "rebalance") const { return rig::rebalance_path(space_, name); }
  std::optional<std::string> state(const std::string& name = "rebalance") const {
    return api_.field(path(name), "/status/state");
  }
  std::optional<std::string> reason() const { return condition("Ready", "reason"); }
  std::optional<std::string> condition(const std::string& type, const std::string& what) const {
    for (int i = 0; i < 16; ++i) {
      const auto at = "/status/conditions/" + std::to_string(i) + "/";
      if (api_.field(path(), at + "type") == type) return api_.field(path(), at + what);
    }
    return std::nullopt;
  }
  bool reaches(const std::string& wanted, rig::Milliseconds limit = kWork,
               const std::string& name = "rebalance") {
    return rig::wait_until([&] { return state(name) == wanted; }, limit);
  }
  std::string events() const {
    return api_.send("GET", "/apis/events.k8s.io/v1/namespaces/" + space_ + "/events").body;
  }
  std::string told(const std::string& name = "rebalance") const { return api_.send("GET", path(name)).body; }

  // What a GET of /readyz or /metrics of that operator says; empty while it does not answer.
  static std::string asked(const Started& running, const std::string& path) {
    const std::string said = running.said();
    const std::string sign = "probes and metrics on port ";
    const auto at = said.find(sign);
    if (at == std::string::npos) return {};
    try {
      return rig::http({.port = std::stoi(said.substr(at + sign.size()))}, "GET", path).body;
    } catch (const std::exception&) {
      return {};
    }
  }

  rig::ControlPlane& plane_ = rig::ControlPlane::shared();
  rig::KubeApi api_ = plane_.admin();
  std::string space_ = plane_.new_namespace();
  std::string own_space_ = space_;  // of the operator's lease and of the hold
  rig::TempFolder folder_;
  rig::TestCluster cluster_;
  int starts_ = 0;

 private:
  void bind_administrator() const {
    api_.create("/apis/rbac.authorization.k8s.io/v1/namespaces/" + space_ + "/rolebindings",
                R"({"metadata": {"name": "operator"},
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                    "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": ")" +
                    space_ + R"("}]})");
  }
};

}  // namespace rebalance
