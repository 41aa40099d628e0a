// A real node: the image from the Dockerfile, installed as the documentation says, at work on real Redis pods
// with memory limits. scripts/e2e prepares what this needs, and runs it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>

#include "e2e/pod_cluster.h"
#include "rig/digest.h"
#include "rig/writer.h"

namespace rebalance {
namespace {

namespace fs = std::filesystem;
using rig::Milliseconds;
using testing::AllOf;
using testing::HasSubstr;

const fs::path kSource = SOURCE_FOLDER;
constexpr const char* kSpace = "redis-rebalance-system";
constexpr const char* kName = "redis-rebalance-operator";
constexpr Milliseconds kSoon{90'000};
constexpr Milliseconds kWork{300'000};

// Over-full: each primary is above the ceiling of this limit, as in the incident of docs/concepts.md.
constexpr std::int64_t kLimit = 118LL << 20;
const rig::FillOptions kOverFull{
    .keys = 114'000, .min_value_bytes = 1000, .max_value_bytes = 4000, .mixed_types = false, .ttl_share = 0};
const rig::FillOptions kLittle{.keys = 20'000};
// Strings take the same memory wherever they are; a hash or a set that was moved is laid out anew.
const rig::FillOptions kStrings{
    .keys = 20'000, .min_value_bytes = 500, .max_value_bytes = 2000, .mixed_types = false};

const std::string kIncident = "{type: Move, move: {assignments: [{slots: \"0-1499\", to: redis-1}]}}";
const std::string kBalance = "{type: Balance}";
const std::string kSlowly = "  batch: {maxBytesPerSecond: 300Ki}\n";

std::vector<fs::path> images() {
  const char* paths = std::getenv("E2E_IMAGES");
  if (paths == nullptr) throw std::runtime_error("run this through scripts/e2e, which makes the images");
  std::istringstream in(paths);
  std::vector<fs::path> all;
  for (std::string path; std::getline(in, path, ':');) all.emplace_back(path);
  return all;
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("there is no " + std::string(from));
  text.replace(at, from.size(), to);
}

// The words of the command of README that begins so, without the first one; its registry is this machine.
std::vector<std::string> documented(const std::string& begin) {
  const std::string readme = rig::read_file(kSource / "README.md");
  const auto at = readme.find("    " + begin);
  if (at == std::string::npos) throw std::runtime_error("README has no " + begin);
  auto end = readme.find('\n', at);
  while (readme[end - 1] == '\\') end = readme.find('\n', end + 1);
  std::string command = readme.substr(at, end - at);
  std::ranges::replace(command, '\\', ' ');
  command = command.substr(0, command.find(" # "));
  if (command.find("REGISTRY") != std::string::npos) replace(command, "REGISTRY", "localhost");
  std::istringstream in(command);
  return {std::next(std::istream_iterator<std::string>(in)), {}};
}

void expect_done(const rig::Finished& done) { EXPECT_EQ(done.exit_code, 0) << done.out << done.err; }

// One node for all cases. Each has a Redis cluster of its own; the operator stays from one to the next.
class ARealNode : public testing::Test {
 protected:
  static void SetUpTestSuite() { node_ = std::make_unique<rig::KubeNode>(images()); }
  static void TearDownTestSuite() { node_.reset(); }

  static void expect_running() {
    expect_done(node_->kubectl(
        {"rollout", "status", "--namespace", kSpace, "deployment/" + std::string(kName), "--timeout=180s"}));
  }
  // As README says, and upgrades what is there.
  static rig::Finished helm_install(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"upgrade",
                                   "--install",
                                   kName,
                                   kSource / "charts" / kName,
                                   "--namespace",
                                   kSpace,
                                   "--create-namespace",
                                   "--set",
                                   "image.repository=localhost/redis-rebalance-operator",
                                   "--wait",
                                   "--timeout",
                                   "180s"};
    words.insert(words.end(), more.begin(), more.end());
    return node_->helm(words);
  }
  static std::string operator_log() {
    return node_->kubectl({"logs", "--namespace", kSpace, "deployment/" + std::string(kName), "--tail=40"})
        .out;
  }

  static std::unique_ptr<PodCluster> cluster(const rig::FillOptions& data, std::int64_t limit = kLimit) {
    static int count = 0;
    auto made = std::make_unique<PodCluster>(*node_, fmt::format("shop-{}", ++count), limit);
    rig::fill(made->seed(), data);
    return made;
  }

  // `kubectl apply` of a RedisRebalance over the cluster's pods.
  static void apply(const PodCluster& cluster, const std::string& name, const std::string& goal,
                    const std::string& more = "") {
    expect_done(
        node_->kubectl({"apply", "--namespace", cluster.name_space(), "-f", "-"},
                       fmt::format("apiVersion: redisrebalance.io/v1alpha1\n"
                                   "kind: RedisRebalance\n"
                                   "metadata: {{name: {}}}\n"
                                   "spec:\n"
                                   "  cluster: {{podSelector: {{matchLabels: {{app: redis-cluster}}}}}}\n"
                                   "  goal: {}\n"
                                   "  approval: {{mode: Automatic}}\n"
                                   "  safety: {{replicas: Ignore, persistence: Ignore}}\n"
                                   "  canary: {{slots: 0}}\n"
                                   "  observeSeconds: 0\n{}",
                                   name, goal, more)));
  }
  static std::string status(const PodCluster& cluster, const std::string& name, const std::string& pointer) {
    return node_->admin()
        .field(rig::rebalance_path(cluster.name_space(), name), "/status" + pointer)
        .value_or("");
  }
  static bool reaches(const PodCluster& cluster, const std::string& name, const std::string& state,
                      Milliseconds limit = kWork) {
    return eventually([&] { return status(cluster, name, "/state") == state; }, limit);
  }
  static std::string told(const PodCluster& cluster, const std::string& name) {
    return node_->kubectl({"describe", "rrb", name, "--namespace", cluster.name_space()}).out +
           operator_log();
  }
  static bool wait_for_open_slot(const PodCluster& cluster) {
    return rig::wait_until([&] { return cluster.any_slot_open(); }, kSoon);
  }

  static void expect_nothing_lost(rig::Writer& writer) {
    const auto report = writer.stop();
    const auto verdict = writer.verify();
    std::cout << "writer: " << report.acknowledged << " acknowledged, " << verdict.lost << " lost, "
              << verdict.phantom << " phantom\n";
    EXPECT_GT(report.acknowledged, 0) << report.last_error;
    EXPECT_EQ(verdict.lost, 0) << verdict.examples;
    EXPECT_EQ(verdict.phantom, 0) << verdict.examples;
  }
  static void expect_same_data(const rig::ClusterDigest& before, const PodCluster& cluster) {
    const auto difference = rig::compare(before, rig::digest(cluster.seed()), Milliseconds(1000));
    EXPECT_TRUE(difference.none()) << difference.lost << " lost: " << difference.examples;
  }

  static std::unique_ptr<rig::KubeNode> node_;
};

std::unique_ptr<rig::KubeNode> ARealNode::node_;

TEST_F(ARealNode, HelmInstallsTheOperatorWhichRefusesTheIncidentAndRelievesTheFullPods) {
  const auto redis = cluster(kOverFull);
  std::cout << "filled: " << redis->memory_text();
  const auto before = rig::digest(redis->seed());
  auto words = documented("helm install");
  std::ranges::replace(words, std::string("charts/") + kName, (kSource / "charts" / kName).string());
  expect_done(node_->helm(words));
  expect_running();

  apply(*redis, "incident", kIncident);
  ASSERT_TRUE(reaches(*redis, "incident", "Refused", kSoon)) << told(*redis, "incident");
  const auto refusal = status(*redis, "incident", "/plan/refusals/0");
  std::cout << "refused: " << refusal << '\n';
  EXPECT_THAT(refusal,
              AllOf(HasSubstr(R"("pod":"redis-1")"), HasSubstr("shortBytes"), HasSubstr("RaiseLimit")));
  EXPECT_EQ(redis->slots_of(1), 5461);

  apply(*redis, "relief", kBalance);
  ASSERT_TRUE(reaches(*redis, "relief", "Succeeded")) << told(*redis, "relief");
  std::cout << "relieved: " << redis->memory_text();
  EXPECT_GT(redis->slots_of(3), 3500);
  EXPECT_LE(redis->memory(3).peak, kLimit * 80 / 100);
  redis->expect_nobody_restarted();
  redis->expect_clean();
  expect_same_data(before, *redis);
}

TEST_F(ARealNode, LongTheSameMoveByRedisCliGetsAPodOomKilled) {
  const auto redis = cluster(kOverFull);
  const auto tried =
      redis->redis_cli({"--cluster", "reshard", redis->seed().host + ":6379", "--cluster-from",
                        redis->node_id(0), "--cluster-to", redis->node_id(1), "--cluster-slots", "1500",
                        "--cluster-yes", "--cluster-timeout", "10000"});
  EXPECT_NE(tried.exit_code, 0) << "redis-cli got through";
  EXPECT_TRUE(
      eventually([&] { return redis->container(1, "/lastState/terminated/reason") == "OOMKilled"; }, kSoon))
      << redis->container(1, "") << tried.out;
  EXPECT_EQ(redis->container(1, "/lastState/terminated/exitCode"), "137");
  std::cout << "redis-cli: "
            << tried.out.substr(tried.out.size() - std::min<std::size_t>(tried.out.size(), 200))
            << "\nlastState of redis-1: " << redis->container(1, "/lastState") << '\n';
}

TEST_F(ARealNode, LongALimitRaisedInPlaceIsSeenInTheNextPlan) {
  const auto redis = cluster(kOverFull);
  expect_done(helm_install());
  apply(*redis, "before", kIncident);
  ASSERT_TRUE(reaches(*redis, "before", "Refused", kSoon)) << told(*redis, "before");

  expect_done(node_->kubectl(
      {"patch", "pod", "redis-1", "--namespace", redis->name_space(), "--subresource", "resize", "--patch",
       R"({"spec": {"containers": [{"name": "redis", "resources": {"limits": {"memory": "200Mi"}}}]}})"}));
  ASSERT_TRUE(eventually([&] { return redis->container(1, "/resources/limits/memory") == "200Mi"; }, kSoon))
      << redis->container(1, "");
  EXPECT_EQ(redis->memory(1).limit, 200LL << 20);

  apply(*redis, "after", kIncident);
  ASSERT_TRUE(reaches(*redis, "after", "Succeeded")) << told(*redis, "after");
  std::cout << "resized: " << redis->memory_text();
  EXPECT_EQ(redis->slots_of(1), 5461 + 1500);
  redis->expect_nobody_restarted();
  redis->expect_clean();
}

// Tight is a limit that the data fits in the end, and what is needed meanwhile does not.
TEST_F(ARealNode, LongALimitIsRaisedForTheMoveAndPutBackAfterIt) {
  const auto redis = cluster(kOverFull);
  expect_done(helm_install({"--set", "rbac.resizePods=true"}));
  apply(*redis, "look", kBalance, "  execution: PlanOnly\n");
  ASSERT_TRUE(reaches(*redis, "look", "Succeeded", kSoon)) << told(*redis, "look");
  const double projected = std::stod(status(*redis, "look", "/nodes/3/projected"));
  const auto tight = fmt::format("{}Mi", static_cast<int>(projected / 0.8));
  expect_done(node_->kubectl(
      {"patch", "pod", "redis-3", "--namespace", redis->name_space(), "--subresource", "resize", "--patch",
       fmt::format(R"({{"spec": {{"containers": [{{"name": "redis", "resources": )"
                   R"({{"requests": {{"memory": "{0}"}}, "limits": {{"memory": "{0}"}}}}}}]}}}})",
                   tight)}));
  const auto limit_is = [&](const std::string& wanted) {
    return eventually([&] { return redis->container(3, "/resources/limits/memory") == wanted; }, kSoon);
  };
  ASSERT_TRUE(limit_is(tight)) << redis->container(3, "");

  apply(*redis, "refused", kBalance);
  ASSERT_TRUE(reaches(*redis, "refused", "Refused", kSoon)) << told(*redis, "refused");
  apply(*redis, "resized", kBalance, "  headroom: {onShortage: Resize, resize: {maxLimit: 200Mi}}\n");
  ASSERT_TRUE(reaches(*redis, "resized", "Succeeded")) << told(*redis, "resized");
  EXPECT_TRUE(limit_is(tight)) << redis->container(3, "") << told(*redis, "resized");
  std::cout << "raised and put back to " << tight << ": " << redis->memory_text();
  EXPECT_GT(redis->slots_of(3), 3500);
  redis->expect_nobody_restarted();
  redis->expect_clean();
}

TEST_F(ARealNode, LongHelmUpgradeInTheMiddleOfAMoveGoesOnAndNothingIsLost) {
  const auto redis = cluster(kLittle);
  expect_done(helm_install());
  rig::Writer writer(redis->seed());
  apply(*redis, "balance", kBalance, kSlowly);
  ASSERT_TRUE(wait_for_open_slot(*redis)) << told(*redis, "balance");
  const auto moved = redis->slots_of(3);
  expect_done(helm_install({"--set", "operator.workers=2"}));
  EXPECT_NE(status(*redis, "balance", "/state"), "Succeeded") << "it was over before the upgrade";
  apply(*redis, "balance", kBalance);  // as fast as it goes
  ASSERT_TRUE(reaches(*redis, "balance", "Succeeded")) << told(*redis, "balance");
  EXPECT_GT(redis->slots_of(3), moved);
  expect_nothing_lost(writer);
  redis->expect_nobody_restarted();
  redis->expect_clean();
}

TEST_F(ARealNode, LongHelmUninstallKeepsTheResourcesAndTheNextInstallFindsThemDone) {
  const auto redis = cluster(kStrings);
  expect_done(helm_install());
  apply(*redis, "balance", kBalance);
  ASSERT_TRUE(reaches(*redis, "balance", "Succeeded")) << told(*redis, "balance");
  expect_done(node_->helm({"uninstall", kName, "--namespace", kSpace, "--wait"}));
  EXPECT_EQ(status(*redis, "balance", "/state"), "Succeeded");
  EXPECT_FALSE(
      node_->admin().exists(fmt::format("/apis/apps/v1/namespaces/{}/deployments/{}", kSpace, kName)));

  const auto slots = redis->slots_of(3);
  expect_done(helm_install());
  apply(*redis, "again", kBalance);
  ASSERT_TRUE(reaches(*redis, "again", "Succeeded")) << told(*redis, "again");
  EXPECT_EQ(status(*redis, "balance", "/state"), "Succeeded");
  EXPECT_EQ(redis->slots_of(3), slots);
}

// As README and docs/kubernetes.md have it: all of it removed; then the image named in the kustomization, and
// `kubectl apply --server-side -k config`.
TEST_F(ARealNode, LongRemovedAsDocumentedItIsInstalledAgainFromThePlainManifests) {
  expect_done(helm_install());
  expect_done(node_->kubectl({"delete", "rrb", "--all", "--all-namespaces", "--timeout=180s"}));
  expect_done(node_->helm({"uninstall", kName, "--namespace", kSpace, "--wait"}));
  expect_done(node_->kubectl({"delete", "crd", "redisrebalances.redisrebalance.io", "--timeout=60s"}));
  const auto redis = cluster(kLittle);
  const rig::TempFolder folder;
  folder.write("install.yaml", rig::read_file(kSource / "config" / "install.yaml"));
  auto kustomization = rig::read_file(kSource / "config" / "kustomization.yaml");
  replace(kustomization, "newName: redis-rebalance-operator", "newName: localhost/redis-rebalance-operator");
  folder.write("kustomization.yaml", kustomization);

  auto words = documented("kubectl apply --server-side");
  std::ranges::replace(words, std::string("config"), folder.path().string());
  expect_done(node_->kubectl(words));
  expect_running();
  apply(*redis, "balance", kBalance);
  const auto done = node_->kubectl(
      {"wait", "rrb/balance", "--namespace", redis->name_space(), "--for=condition=Ready", "--timeout=240s"});
  EXPECT_EQ(done.exit_code, 0) << done.err << told(*redis, "balance");
  EXPECT_TRUE(reaches(*redis, "balance", "Succeeded"))
      << told(*redis, "balance");  // Observing is Ready as well
}

// docs/gitops.md. Argo CD itself is not here; what it reads its customisations from is.
TEST_F(ARealNode, LongTheConfigMapOfArgoCdTakesThePatch) {
  expect_done(node_->kubectl({"create", "namespace", "argocd"}));
  expect_done(node_->kubectl({"create", "configmap", "argocd-cm", "--namespace", "argocd"}));
  expect_done(node_->kubectl({"-n", "argocd", "patch", "configmap", "argocd-cm", "--patch-file",
                              kSource / "gitops/argo-cd/argocd-cm.yaml"}));
  EXPECT_THAT(node_->admin().get(rig::core_path("argocd", "configmaps", "argocd-cm")),
              HasSubstr("resource.customizations.health.redisrebalance.io_RedisRebalance"));
}

}  // namespace
}  // namespace rebalance
