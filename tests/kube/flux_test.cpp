// Git, Flux's own controllers, the operator and a real cluster: gitops/flux/operator.yaml as docs/gitops.md
// tells to use it. The operator runs beside the API server with the account that Flux installed; as there is
// no node, the test says of its Deployment what a kubelet would.
#include "rig/flux.h"

#include <nlohmann/json.hpp>

#include "kube/operator_rig.h"

namespace rebalance {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kOperatorSpace = "redis-rebalance-system";
constexpr const char* kDeployment =
    "/apis/apps/v1/namespaces/redis-rebalance-system/deployments/redis-rebalance-operator";
constexpr const char* kOperatorPart = "kustomizations/redis-rebalance-operator";
constexpr const char* kShopPart = "kustomizations/shop-redis-rebalance";
constexpr const char* kManual = "approval: {mode: Manual}\n";
constexpr const char* kCommitsActAtOnce = "CancelHealthCheckOnNewRevision=true";

std::string flux_path(const std::string& what) {
  const std::string group = what.starts_with("kust") ? "kustomize" : "source";
  return "/apis/" + group + ".toolkit.fluxcd.io/v1/namespaces/flux-system/" + what;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("there is no " + from);
  text.replace(at, from.size(), to);
}

// All that a case stands on; each has its own, since names and the installation are fixed.
struct World {
  explicit World(const std::string& gates) : flux(plane, git, {.feature_gates = gates}) {
    for (const char* name : {"flux-system", "shop"})
      api.create("/api/v1/namespaces", json{{"metadata", {{"name", name}}}}.dump());
    rig::fill(cluster.seed(), {.keys = 20'000});
    rig::write_pods(api, "shop", cluster);
  }

  rig::ControlPlane plane;
  rig::KubeApi api = plane.admin();
  rig::GitServer git;
  rig::Flux flux;
  rig::TempFolder folder;
  rig::TestCluster cluster{rig::version_named("r70"), {.primaries = 3, .empty_primaries = 1}};
  std::unique_ptr<Started> running;
};

class Flux : public testing::Test {
 protected:
  void SetUp() override {
    if (!rig::has_flux())
      GTEST_SKIP() << "not run: scripts/kube-tools source-controller kustomize-controller did not get Flux";
  }

  void begin(const std::string& gates = "") { world_ = std::make_unique<World>(gates); }
  World& world() { return *world_; }
  const rig::KubeApi& api() { return world_->api; }

  // The shop's repository: a RedisRebalance called balance, which names no namespace.
  std::string commit(const std::string& more, const std::string& goal = "type: Balance") {
    std::string yaml =
        rig::rebalance_yaml(world_->cluster, {.name = "balance",
                                              .name_space = "shop",
                                              .goal = goal,
                                              .spec = kAlone + std::string("observeSeconds: 0\n") + more});
    replace(yaml, "  namespace: shop\n", "");
    return world_->git.commit("shop", {{"shop/redis-rebalance/balance.yaml", yaml}});
  }
  // gitops/flux/operator.yaml with the addresses of this test, by kubectl.
  void apply_manifest() {
    const fs::path source = SOURCE_FOLDER;
    world_->git.commit("redis-rebalance",
                       {{"config/install.yaml", rig::read_file(source / "config/install.yaml")},
                        {"config/kustomization.yaml", rig::read_file(source / "config/kustomization.yaml")}});
    std::string manifest = rig::read_file(source / "gitops/flux/operator.yaml");
    for (const char* name : {"redis-rebalance", "shop"})
      replace(manifest, "https://git.example.org/" + std::string(name) + ".git", world_->git.url(name));
    if (!keeps_what_kubectl_set_) replace(manifest, "ssa: Merge", "ssa: Override");  // Flux's default
    const auto done = world_->plane.kubectl({"apply", "-f", "-"}, manifest);
    ASSERT_EQ(done.exit_code, 0) << done.err;
  }
  // What a Deployment's status says once its pod is ready.
  void let_the_operator_be_available() {
    api().merge(std::string(kDeployment) + "/status", R"({"status": {"observedGeneration": 1, "replicas": 1,
        "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "conditions": [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]}})");
  }
  void start_operator() {
    const auto config =
        world_->plane.kubeconfig(world_->plane.token_of(kOperatorSpace, "redis-rebalance-operator"));
    world_->running = std::make_unique<Started>(
        std::vector<std::string>{PROGRAM, "operator", "--kubeconfig", config, "--own-namespace",
                                 kOperatorSpace, "--metrics-address", "127.0.0.1:0"},
        world_->folder.path() / "said");
  }
  // All of it, as one who follows docs/gitops.md does it.
  void install(const std::string& more, const std::string& goal = "type: Balance") {
    commit(more, goal);
    ASSERT_NO_FATAL_FAILURE(apply_manifest());
    ASSERT_TRUE(rig::wait_until([&] { return api().exists(kDeployment); }, kSoon)) << told();
    let_the_operator_be_available();
    start_operator();
  }

  // What `flux reconcile` does. Returns when it was handled; a Kustomization handles it at the end of its
  // health check.
  void ask_for(const std::string& what) {
    const std::string now = "asked-" + std::to_string(++asked_);
    api().merge(flux_path(what),
                json{{"metadata", {{"annotations", {{"reconcile.fluxcd.io/requestedAt", now}}}}}}.dump());
    EXPECT_TRUE(rig::wait_until(
        [&] { return api().field(flux_path(what), "/status/lastHandledReconcileAt") == now; }, kSoon))
        << told();
  }
  // A commit, fetched.
  std::string push(const std::string& more) {
    const std::string hash = commit(more);
    ask_for("gitrepositories/shop");
    EXPECT_THAT(api().field(flux_path("gitrepositories/shop"), "/status/artifact/revision").value_or(""),
                HasSubstr(hash));
    return hash;
  }

  void pause_by_kubectl() {
    const auto done = world_->plane.kubectl({"patch", "rrb", "balance", "--namespace", "shop", "--type",
                                             "merge", "--patch", R"({"spec": {"execution": "Paused"}})"});
    EXPECT_EQ(done.exit_code, 0) << done.err;
  }
  // In the middle of a move a person pauses it; then a commit about something else is applied.
  template <typename Pause>
  void pause_and_push(Pause pause) {
    begin(kCommitsActAtOnce);
    ASSERT_NO_FATAL_FAILURE(install(std::string(kAtOnce) + kVerySlowly));
    ASSERT_TRUE(wait_for_open_slot(world_->cluster)) << told();
    pause();
    ASSERT_TRUE(reaches("Paused", kSoon)) << told();
    push(std::string(kAtOnce) + "batch: {maxBytesPerSecond: 81Ki}\n");
    ASSERT_TRUE(rig::wait_until(
        [&] { return api().field(path(), "/spec/batch/maxBytesPerSecond") == "81Ki"; }, kSoon))
        << told();
  }

  std::string condition(const std::string& path, const std::string& type, const std::string& what) {
    const auto answer = api().send("GET", path);
    if (!answer.ok()) return {};
    const json object = json::parse(answer.body);
    for (const auto& each : object.value("/status/conditions"_json_pointer, json::array()))
      if (each.at("type") == type) return each.at(what);
    return {};
  }
  std::string shop(const std::string& type = "Ready", const std::string& what = "status") {
    return condition(flux_path(kShopPart), type, what);
  }
  bool shop_becomes(const std::string& status, rig::Milliseconds limit = kSoon) {
    return rig::wait_until([&] { return shop() == status; }, limit);
  }
  std::string path() const { return rig::rebalance_path("shop", "balance"); }
  std::string state() { return api().field(path(), "/status/state").value_or(""); }
  bool reaches(const std::string& wanted, rig::Milliseconds limit = kWork) {
    return rig::wait_until([&] { return state() == wanted; }, limit);
  }
  // Asks both until the work is done: Flux must not call it ready before. How often it was asked.
  int is_never_ready_before_the_end() {
    for (int asked = 1;; ++asked) {
      const bool ready = shop() == "True";
      const std::string now = state();
      if (now == "Succeeded") return asked;
      EXPECT_FALSE(ready) << now;
      if (ready || asked > 5000) return 0;
      rig::nap(rig::Milliseconds(25));
    }
  }
  rig::Finished type(std::vector<std::string> words) {
    words.insert(words.begin(), PROGRAM);
    words.insert(words.end(), {"--kubeconfig", world_->plane.kubeconfig(), "--namespace", "shop"});
    return rig::run(words);
  }
  std::string status_of(const std::string& what) {
    return json::parse(api().send("GET", what).body).value("status", json()).dump() + "\n";
  }
  std::string told() {
    return status_of(flux_path(kShopPart)) + status_of(path()) + world_->flux.said() +
           (world_->running ? world_->running->said() : "");
  }

  bool keeps_what_kubectl_set_ = true;

 private:
  std::unique_ptr<World> world_;
  int asked_ = 0;
};

TEST_F(Flux, LongInstallsTheOperatorFirstAndIsReadyOnlyWhenTheWorkIsDone) {
  begin();
  const std::string resource =
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/redisrebalances.redisrebalance.io";
  api().remove(resource);
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(resource); }, kSoon));

  commit(std::string(kManual) + kSlowly);
  ASSERT_NO_FATAL_FAILURE(apply_manifest());
  ASSERT_TRUE(rig::wait_until([&] { return api().exists(kDeployment); }, kSoon)) << told();
  EXPECT_TRUE(api().exists(resource));
  EXPECT_EQ(shop("Ready", "reason"), "DependencyNotReady");
  EXPECT_FALSE(api().exists(path()));

  let_the_operator_be_available();
  ASSERT_TRUE(rig::wait_until([&] { return shop("Healthy", "status") == "Unknown"; }, kSoon)) << told();
  EXPECT_EQ(condition(flux_path(kOperatorPart), "Ready", "status"), "True");
  // Nobody looked at the object yet: that is not done. Flux asks each 5 s.
  EXPECT_FALSE(shop_becomes("True", rig::Milliseconds(7000))) << told();
  start_operator();
  ASSERT_TRUE(reaches("AwaitingApproval", kSoon)) << told();
  EXPECT_EQ(shop(), "Unknown") << told();
  EXPECT_THAT(shop("Reconciling", "message"), HasSubstr("Running health checks"));

  const auto approved = type({"approve", "balance"});
  ASSERT_EQ(approved.exit_code, kDone) << approved.err;
  std::cout << "asked " << is_never_ready_before_the_end() << " times before the end\n";
  ASSERT_EQ(state(), "Succeeded") << told();
  EXPECT_TRUE(shop_becomes("True")) << told();
  EXPECT_GT(world().cluster.slots_of(3), 3000);
  expect_clean(world().cluster);

  api().remove(flux_path(kOperatorPart));
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(kDeployment); }, kSoon)) << told();
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(flux_path(kOperatorPart)); }, kSoon));
  EXPECT_TRUE(api().exists(resource));
  EXPECT_EQ(api().field(resource, "/metadata/deletionTimestamp"), std::nullopt);
  EXPECT_TRUE(api().exists(path()));
}

TEST_F(Flux, LongDoesNothingWithWhatIsDoneHoweverOftenItIsReconciled) {
  begin();
  // With little data the measured layout is some percent off the planned one.
  ASSERT_NO_FATAL_FAILURE(install(kAtOnce, "type: Balance\nbalance: {tolerancePercent: 20}"));
  ASSERT_TRUE(reaches("Succeeded")) << told();
  ASSERT_TRUE(shop_becomes("True")) << told();
  const auto owners = world().cluster.owners();
  const auto version = api().field(path(), "/metadata/resourceVersion");

  for (int i = 0; i < 3; ++i) ask_for(kShopPart);
  EXPECT_EQ(api().field(path(), "/metadata/resourceVersion"), version) << told();

  const auto uid = api().field(path(), "/metadata/uid");
  api().remove(path());
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(path()); }, kSoon)) << told();
  api().remove(rig::core_path("shop", "configmaps", "balance-rebalance"));  // what garbage collection does
  ask_for(kShopPart);
  EXPECT_TRUE(reaches("Succeeded", kSoon)) << told();
  EXPECT_NE(api().field(path(), "/metadata/uid"), uid);
  EXPECT_TRUE(shop_becomes("True")) << told();
  EXPECT_EQ(api().field(path(), "/status/executionStarted"), std::nullopt) << told();
  EXPECT_EQ(world().cluster.owners(), owners);
}

TEST_F(Flux, LongIsNotReadyForWhatIsRefusedAndNamesIt) {
  begin();
  for (int i = 0; i < world().cluster.size(); ++i)
    rig::set_running_limit(api(), "shop", "redis-" + std::to_string(i), 16 << 20);
  ASSERT_NO_FATAL_FAILURE(install(kAtOnce));
  ASSERT_TRUE(reaches("Refused", kSoon)) << told();
  ASSERT_TRUE(shop_becomes("False")) << told();
  EXPECT_EQ(shop("Ready", "reason"), "HealthCheckFailed");
  EXPECT_THAT(shop("Ready", "message"), HasSubstr("RedisRebalance/shop/balance status: 'Failed'"));
  // Why is said by the object itself.
  EXPECT_THAT(condition(path(), "Stalled", "message"), HasSubstr("Mi"));
  EXPECT_EQ(world().cluster.slots_of(3), 0);
}

TEST_F(Flux, LongActsOnACommitInTheMiddleOfAHealthCheckWhereItsGateIsOn) {
  begin(kCommitsActAtOnce);
  ASSERT_NO_FATAL_FAILURE(install(std::string(kManual) + kSlowly));
  ASSERT_TRUE(reaches("AwaitingApproval", kSoon)) << told();
  const std::string hash = api().field(path(), "/status/plan/hash").value_or("");
  const std::string approved = "approval: {mode: Manual, planHash: " + hash + "}\n";
  push(approved + kSlowly);
  ASSERT_TRUE(wait_for_open_slot(world().cluster)) << told();
  EXPECT_EQ(api().field(path(), "/status/plan/approvedHash"), hash);

  push(approved + kSlowly + "execution: Paused\n");
  ASSERT_TRUE(reaches("Paused", kSoon)) << told();
  EXPECT_EQ(shop(), "Unknown");
  const std::string last = push(approved + kSlowly);
  ASSERT_TRUE(reaches("Succeeded")) << told();
  EXPECT_TRUE(shop_becomes("True")) << told();
  EXPECT_THAT(shop("Ready", "message"), HasSubstr(last));
}

TEST_F(Flux, LongLooksAtACommitOnlyAfterTheHealthCheckWhereItsGateIsOff) {
  begin();
  ASSERT_NO_FATAL_FAILURE(install(kManual));
  ASSERT_TRUE(reaches("AwaitingApproval", kSoon)) << told();
  const std::string hash = api().field(path(), "/status/plan/hash").value_or("");
  const std::string last = push("approval: {mode: Manual, planHash: " + hash + "}\n");
  EXPECT_FALSE(reaches("Succeeded", rig::Milliseconds(15'000)));
  EXPECT_EQ(state(), "AwaitingApproval");

  ASSERT_EQ(type({"approve", "balance"}).exit_code, kDone);
  ASSERT_TRUE(reaches("Succeeded")) << told();
  EXPECT_TRUE(rig::wait_until(
      [&] { return shop() == "True" && shop("Ready", "message").find(last) != std::string::npos; }, kSoon))
      << told();
}

// The annotation of the manifest; Flux by itself takes back what was set by kubectl.
TEST_F(Flux, LongLeavesAPauseByKubectlAlone) {
  pause_and_push([&] { pause_by_kubectl(); });
  EXPECT_EQ(api().field(path(), "/spec/execution"), "Paused");
  EXPECT_EQ(state(), "Paused");
}

TEST_F(Flux, LongTakesAPauseByKubectlBackWithoutTheAnnotation) {
  keeps_what_kubectl_set_ = false;
  pause_and_push([&] { pause_by_kubectl(); });
  EXPECT_EQ(api().field(path(), "/spec/execution"), "Run");
}

TEST_F(Flux, LongLeavesAPauseByTheProgramAloneWithoutTheAnnotation) {
  keeps_what_kubectl_set_ = false;
  pause_and_push([&] { EXPECT_EQ(type({"pause", "balance"}).exit_code, kDone); });
  EXPECT_EQ(api().field(path(), "/spec/execution"), "Paused");
  EXPECT_EQ(state(), "Paused");
}

}  // namespace
}  // namespace rebalance
