// Git, Flux's own controllers, the operator and a real cluster: gitops/flux/operator.yaml as docs/gitops.md
// tells to use it.
#include "rig/flux.h"

#include "kube/gitops_rig.h"

namespace rebalance {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kOperatorPart = "kustomizations/redis-rebalance-operator";
constexpr const char* kRelease = "helmreleases/redis-rebalance-operator";
constexpr const char* kShopPart = "kustomizations/shop-redis-rebalance";
constexpr const char* kCommitsActAtOnce = "CancelHealthCheckOnNewRevision=true";

std::string flux_path(const std::string& what) {
  const std::string group = what.starts_with("kust")   ? "kustomize.toolkit.fluxcd.io/v1"
                            : what.starts_with("helm") ? "helm.toolkit.fluxcd.io/v2"
                                                       : "source.toolkit.fluxcd.io/v1";
  return "/apis/" + group + "/namespaces/flux-system/" + what;
}

class Flux : public GitOpsTest {
 protected:
  void SetUp() override {
    if (!rig::has_flux())
      GTEST_SKIP() << "not run: scripts/kube-tools source-controller kustomize-controller helm-controller "
                      "did not get Flux";
  }

  void begin(const std::string& gates = "", bool helm = false) {
    begin_in("flux-system");
    flux_ = std::make_unique<rig::Flux>(world().plane, world().git,
                                        rig::FluxOptions{.feature_gates = gates, .helm = helm});
  }
  // gitops/flux/operator.yaml with the addresses of this test, by kubectl.
  void apply_manifest() override {
    commit_installation();
    std::string text = manifest("flux/operator.yaml");
    if (!keeps_what_kubectl_set_) replace(text, "ssa: Merge", "ssa: Override");  // Flux's default
    kubectl({"apply", "-f", "-"}, text);
  }
  // The same with gitops/flux/operator-chart.yaml in place of the first Kustomization.
  void apply_manifest_with_chart() {
    commit_installation();
    std::string text = manifest("flux/operator.yaml");
    const auto first = text.find("---\n# The operator and its resource first");
    text.erase(first, text.find("---\n", first + 4) - first);
    replace(text, "dependsOn: [{name: redis-rebalance-operator}]", "retryInterval: 1s");
    kubectl({"apply", "-f", "-"}, text + "---\n" + manifest("flux/operator-chart.yaml"));
  }
  bool release_becomes_ready(const std::string& why) {
    return rig::wait_until(
        [&] {
          return condition(flux_path(kRelease), "Ready", "status") == "True" &&
                 condition(flux_path(kRelease), "Ready", "reason") == why;
        },
        kSoon);
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

  // In the middle of a move a person pauses it; then a commit about something else is applied.
  template <typename Pause>
  void pause_and_push(Pause pause) {
    begin(kCommitsActAtOnce);
    ASSERT_NO_FATAL_FAILURE(install(std::string(kAtOnce) + kVerySlowly));
    ASSERT_TRUE(wait_for_open_slot(world().cluster)) << told();
    pause();
    ASSERT_TRUE(reaches("Paused", kSoon)) << told();
    push(std::string(kAtOnce) + "batch: {maxBytesPerSecond: 81Ki}\n");
    ASSERT_TRUE(rig::wait_until(
        [&] { return api().field(path(), "/spec/batch/maxBytesPerSecond") == "81Ki"; }, kSoon))
        << told();
  }

  std::string shop(const std::string& type = "Ready", const std::string& what = "status") {
    return condition(flux_path(kShopPart), type, what);
  }
  bool shop_becomes(const std::string& status, rig::Milliseconds limit = kSoon) {
    return rig::wait_until([&] { return shop() == status; }, limit);
  }
  std::string told() override {
    return (api().exists(flux_path(kRelease)) ? status_of(flux_path(kRelease)) : "") +
           status_of(flux_path(kShopPart)) + status_of(path()) + flux_->said() + said_by_operator();
  }

  bool keeps_what_kubectl_set_ = true;

 private:
  std::unique_ptr<rig::Flux> flux_;
  int asked_ = 0;
};

TEST_F(Flux, LongInstallsTheOperatorFirstAndIsReadyOnlyWhenTheWorkIsDone) {
  begin();
  ASSERT_NO_FATAL_FAILURE(forget_the_definition());

  commit(std::string(kManual) + kSlowly);
  apply_manifest();
  ASSERT_TRUE(comes_to_be(kDeployment)) << told();
  EXPECT_TRUE(api().exists(kDefinition));
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
  std::cout << "asked " << is_never_done_before_the_end([&] { return shop() == "True"; })
            << " times before the end\n";
  ASSERT_EQ(state(), "Succeeded") << told();
  EXPECT_TRUE(shop_becomes("True")) << told();
  EXPECT_GT(world().cluster.slots_of(3), 3000);
  expect_clean(world().cluster);

  api().remove(flux_path(kOperatorPart));
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(kDeployment); }, kSoon)) << told();
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(flux_path(kOperatorPart)); }, kSoon));
  EXPECT_TRUE(api().exists(kDefinition));
  EXPECT_EQ(api().field(kDefinition, "/metadata/deletionTimestamp"), std::nullopt);
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

TEST_F(Flux, LongInstallsAndUpgradesTheChartAndKeepsTheResourceWhenItIsUninstalled) {
  begin(kCommitsActAtOnce, true);
  ASSERT_NO_FATAL_FAILURE(forget_the_definition());
  commit(std::string(kAtOnce) + kVerySlowly);
  apply_manifest_with_chart();
  ASSERT_TRUE(comes_to_be(kDeployment)) << told();
  let_the_operator_be_available();
  EXPECT_TRUE(release_becomes_ready("InstallSucceeded")) << told();
  start_operator();
  ASSERT_TRUE(wait_for_open_slot(world().cluster)) << told();

  api().merge(flux_path(kRelease), R"({"spec": {"values": {"operator": {"workers": 2}}}})");
  ASSERT_TRUE(rig::wait_until([&] { return api().field(kDeployment, "/metadata/generation") == "2"; }, kSoon))
      << told();
  world().running.reset();
  start_operator();  // as the Deployment's new pod
  let_the_operator_be_available();
  EXPECT_TRUE(release_becomes_ready("UpgradeSucceeded")) << told();
  EXPECT_EQ(state(), "Rebalancing") << told();
  push(kAtOnce);
  ASSERT_TRUE(reaches("Succeeded")) << told();
  EXPECT_TRUE(shop_becomes("True")) << told();

  world().running.reset();
  api().remove(flux_path(kRelease));
  ASSERT_TRUE(rig::wait_until([&] { return !api().exists(flux_path(kRelease)); }, kSoon)) << told();
  EXPECT_FALSE(api().exists(kDeployment));
  EXPECT_EQ(api().field(kDefinition, "/spec/group"), "redisrebalance.io");
  EXPECT_EQ(api().field(kDefinition, "/metadata/deletionTimestamp"), std::nullopt);
  EXPECT_EQ(state(), "Succeeded");
}

}  // namespace
}  // namespace rebalance
