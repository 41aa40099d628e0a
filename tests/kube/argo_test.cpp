// Git, a whole Argo CD, the operator and a real cluster: gitops/argo-cd as docs/gitops.md tells to use it.
#include "kube/gitops_rig.h"
#include "rig/argo_cd.h"

namespace rebalance {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kOperatorApp = "redis-rebalance-operator";
constexpr const char* kShopApp = "shop-redis-rebalance";

std::string app_path(const std::string& name) {
  return "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/" + name;
}

class Argo : public GitOpsTest {
 protected:
  void SetUp() override {
    if (!rig::has_argo_cd())
      GTEST_SKIP() << "not run: scripts/kube-tools argocd kustomize helm did not get Argo CD";
  }

  void begin() {
    begin_in("argocd");
    argo_ = std::make_unique<rig::ArgoCd>(world().plane, world().git);
    kubectl({"-n", "argocd", "patch", "configmap", "argocd-cm", "--patch-file",
             SOURCE_FOLDER "/gitops/argo-cd/argocd-cm.yaml"});
  }
  void apply_manifest() override {
    commit_installation();
    kubectl({"apply", "-f", "-"}, manifest("argo-cd/operator.yaml"));
  }
  // What the button "Refresh" does; it looks at Git by itself each 3 minutes.
  void refresh() {
    api().merge(app_path(kShopApp),
                R"({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})");
  }
  // A commit, applied.
  void push(const std::string& more) {
    const std::string hash = commit(more);
    refresh();
    EXPECT_TRUE(rig::wait_until(
        [&] {
          return app("/status/operationState/syncResult/revision") == hash &&
                 app("/status/operationState/phase") == "Succeeded";
        },
        kSoon))
        << told();
  }
  // What the button "Sync" does, to its end.
  void sync() {
    rig::nap(rig::Milliseconds(1100));  // it tells its operations apart by the second
    const auto before = app("/status/operationState/startedAt");
    rig::HttpAnswer answer;
    ASSERT_TRUE(rig::wait_until(  // one at a time: another may be its own
        [&] {
          answer = argo_->call("POST", "/api/v1/applications/" + std::string(kShopApp) + "/sync", "{}");
          return answer.ok();
        },
        kSoon))
        << answer.body;
    EXPECT_TRUE(rig::wait_until(
        [&] {
          return app("/status/operationState/startedAt") != before &&
                 app("/status/operationState/phase") == "Succeeded";
        },
        kSoon))
        << told();
  }
  // What a button of the resource does.
  rig::HttpAnswer press(const std::string& action, const std::string& token = "") {
    return argo_->call("POST", "/api/v1/applications/" + std::string(kShopApp) + "/resource/actions/v2",
                       json{{"name", kShopApp},
                            {"namespace", "shop"},
                            {"resourceName", "balance"},
                            {"version", "v1alpha1"},
                            {"group", "redisrebalance.io"},
                            {"kind", "RedisRebalance"},
                            {"action", action}}
                           .dump(),
                       token);
  }
  // The token of one with the rights that docs/gitops.md has as its example.
  std::string who_may_approve() {
    kubectl({"-n", "argocd", "patch", "configmap", "argocd-cm", "--type", "merge", "--patch",
             R"({"data": {"accounts.dba": "apiKey"}})"});
    const std::string documented = rig::read_file(SOURCE_FOLDER "/docs/gitops.md");
    const auto at = documented.find("    p, role:dba");
    const std::string rules =
        documented.substr(at, documented.find("\n\n", at) - at) + "\ng, dba, role:dba\n";
    kubectl({"-n", "argocd", "patch", "configmap", "argocd-rbac-cm", "--type", "merge", "--patch",
             json{{"data", {{"policy.csv", rules}}}}.dump()});
    std::string token;
    const auto knows_it = [&] {
      const auto answer = argo_->call("POST", "/api/v1/account/dba/token", R"({"name": "dba"})");
      if (answer.ok()) token = json::parse(answer.body).at("token");
      return answer.ok();
    };
    const auto knows_its_rights = [&] {
      return argo_->call("GET", "/api/v1/applications/" + std::string(kShopApp), "", token).ok();
    };
    EXPECT_TRUE(rig::wait_until(knows_it, kSoon) && rig::wait_until(knows_its_rights, kSoon)) << told();
    return token;
  }
  // Which buttons can be pressed.
  std::vector<std::string> offered() {
    const auto answer =
        argo_->call("GET", "/api/v1/applications/" + std::string(kShopApp) +
                               "/resource/actions?namespace=shop&resourceName=balance&version=v1alpha1&group="
                               "redisrebalance.io&kind=RedisRebalance");
    EXPECT_TRUE(answer.ok()) << answer.body;
    std::vector<std::string> names;
    for (const auto& each : json::parse(answer.body).value("actions", json::array()))
      if (!each.value("disabled", false)) names.push_back(each.at("name"));
    return names;
  }

  std::optional<std::string> app(const std::string& what, const std::string& name = kShopApp) {
    return api().field(app_path(name), what);
  }
  std::string health(const std::string& name = kShopApp) {
    return app("/status/health/status", name).value_or("");
  }
  bool is_synced(const std::string& name = kShopApp) {
    return rig::wait_until([&] { return app("/status/sync/status", name) == "Synced"; }, kSoon);
  }
  bool health_becomes(const std::string& wanted, const std::string& name = kShopApp) {
    return rig::wait_until([&] { return health(name) == wanted; }, kSoon);
  }
  std::string told() override {
    std::string all;
    for (const auto& what : {app_path(kOperatorApp), app_path(kShopApp), path()})
      if (api().exists(what)) all += status_of(what);
    return all + argo_->said() + said_by_operator();
  }

 private:
  std::unique_ptr<rig::ArgoCd> argo_;
};

TEST_F(Argo, LongInstallsTheOperatorAndIsHealthyOnlyWhenTheWorkIsDone) {
  begin();
  ASSERT_NO_FATAL_FAILURE(forget_the_definition());
  commit(std::string(kManual) + kSlowly);
  apply_manifest();
  ASSERT_TRUE(comes_to_be(kDeployment)) << told();
  EXPECT_TRUE(health_becomes("Progressing", kOperatorApp)) << told();
  let_the_operator_be_available();
  EXPECT_TRUE(health_becomes("Healthy", kOperatorApp)) << told();
  EXPECT_TRUE(is_synced(kOperatorApp)) << told();

  ASSERT_TRUE(comes_to_be(path(), kWork)) << told();  // tried again after 5, 10, 20 s
  EXPECT_TRUE(health_becomes("Progressing")) << told();
  start_operator();
  ASSERT_TRUE(reaches("AwaitingApproval", kSoon)) << told();
  EXPECT_TRUE(health_becomes("Suspended")) << told();
  EXPECT_THAT(offered(), testing::UnorderedElementsAre("approve", "pause", "cancel"));

  const auto dba = who_may_approve();
  EXPECT_EQ(press("cancel", dba).status, 403);
  const auto pressed = press("approve", dba);
  ASSERT_TRUE(pressed.ok()) << pressed.body;
  std::cout << "asked " << is_never_done_before_the_end([&] { return health() == "Healthy"; })
            << " times before the end\n";
  ASSERT_EQ(state(), "Succeeded") << told();
  EXPECT_TRUE(health_becomes("Healthy")) << told();
  EXPECT_TRUE(is_synced()) << told();
  EXPECT_GT(world().cluster.slots_of(3), 3000);
  expect_clean(world().cluster);

  // Away with the operator's application and all that it installed; nobody ends the namespace here, so it
  // waits.
  api().merge(app_path(kOperatorApp),
              R"({"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io/background"]}})");
  api().remove(app_path(kOperatorApp));
  const std::string space = "/api/v1/namespaces/" + std::string(kOperatorSpace);
  EXPECT_TRUE(rig::wait_until(
      [&] { return !api().exists(kDeployment) && api().field(space, "/metadata/deletionTimestamp"); }, kSoon))
      << told();
  EXPECT_EQ(api().field(kDefinition, "/spec/group"), "redisrebalance.io");
  EXPECT_EQ(api().field(kDefinition, "/metadata/deletionTimestamp"), std::nullopt);
  EXPECT_EQ(state(), "Succeeded");
}

TEST_F(Argo, LongDoesNothingWithWhatIsDoneHoweverOftenItIsSynced) {
  begin();
  ASSERT_NO_FATAL_FAILURE(install(kAtOnce, "type: Balance\nbalance: {tolerancePercent: 20}"));
  ASSERT_TRUE(reaches("Succeeded")) << told();
  ASSERT_TRUE(health_becomes("Healthy")) << told();
  EXPECT_THAT(offered(), testing::ElementsAre("rollback"));
  const auto owners = world().cluster.owners();
  const auto version = api().field(path(), "/metadata/resourceVersion");

  for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(sync());
  EXPECT_EQ(api().field(path(), "/metadata/resourceVersion"), version) << told();

  // selfHeal makes what was deleted again.
  const auto uid = api().field(path(), "/metadata/uid");
  api().remove(path());
  api().remove(rig::core_path("shop", "configmaps", "balance-rebalance"));  // what garbage collection does
  ASSERT_TRUE(
      rig::wait_until([&] { return api().field(path(), "/metadata/uid").value_or(*uid) != uid; }, kSoon))
      << told();
  EXPECT_TRUE(reaches("Succeeded", kSoon)) << told();
  EXPECT_TRUE(health_becomes("Healthy")) << told();
  EXPECT_EQ(api().field(path(), "/status/executionStarted"), std::nullopt) << told();
  EXPECT_EQ(world().cluster.owners(), owners);
}

TEST_F(Argo, LongLeavesAPauseByKubectlAloneAndTakesBackWhatGitNames) {
  begin();
  ASSERT_NO_FATAL_FAILURE(install(std::string(kAtOnce) + kVerySlowly));
  ASSERT_TRUE(wait_for_open_slot(world().cluster)) << told();
  pause_by_kubectl();
  ASSERT_TRUE(reaches("Paused", kSoon)) << told();
  EXPECT_TRUE(health_becomes("Suspended")) << told();
  push(std::string(kAtOnce) + "batch: {maxBytesPerSecond: 81Ki}\n");
  EXPECT_EQ(api().field(path(), "/spec/batch/maxBytesPerSecond"), "81Ki") << told();
  ASSERT_NO_FATAL_FAILURE(sync());
  EXPECT_TRUE(is_synced()) << told();

  api().merge(path(), R"({"spec": {"batch": {"maxBytesPerSecond": "9Mi"}}})");
  EXPECT_TRUE(
      rig::wait_until([&] { return api().field(path(), "/spec/batch/maxBytesPerSecond") == "81Ki"; }, kSoon))
      << told();
  EXPECT_EQ(api().field(path(), "/spec/execution"), "Paused");
  EXPECT_EQ(state(), "Paused");

  EXPECT_TRUE(press("rollback").ok());
  ASSERT_TRUE(reaches("RolledBack")) << told();
  EXPECT_TRUE(health_becomes("Healthy")) << told();
  EXPECT_EQ(world().cluster.slots_of(3), 0);
}

TEST_F(Argo, LongIsDegradedForWhatIsRefused) {
  begin();
  for (int i = 0; i < world().cluster.size(); ++i)
    rig::set_running_limit(api(), "shop", "redis-" + std::to_string(i), 16 << 20);
  ASSERT_NO_FATAL_FAILURE(install(kAtOnce));
  ASSERT_TRUE(reaches("Refused", kSoon)) << told();
  EXPECT_TRUE(health_becomes("Degraded")) << told();
  EXPECT_EQ(world().cluster.slots_of(3), 0);
}

TEST_F(Argo, LongInstallsTheChart) {
  begin();
  ASSERT_NO_FATAL_FAILURE(forget_the_definition());
  commit_installation();
  kubectl({"apply", "-f", "-"}, manifest("argo-cd/operator-chart.yaml"));
  ASSERT_TRUE(comes_to_be(kDeployment)) << told();
  let_the_operator_be_available();
  EXPECT_TRUE(health_becomes("Healthy", kOperatorApp)) << told();
  EXPECT_TRUE(is_synced(kOperatorApp)) << told();
  EXPECT_TRUE(api().exists(kDefinition));
}

}  // namespace
}  // namespace rebalance
