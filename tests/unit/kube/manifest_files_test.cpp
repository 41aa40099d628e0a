#include "kube/manifest_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace rebalance {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr auto kRebalance =
    "apiVersion: redisrebalance.io/v1alpha1\nkind: RedisRebalance\nmetadata: {name: x, namespace: shop}\n"
    "spec: {cluster: {podSelector: {matchLabels: {app: redis-cluster}}}}\n";

std::string pod(const std::string& name, const std::string& ip,
                const std::string& labels = "app: redis-cluster") {
  return "---\nkind: Pod\nmetadata: {name: " + name + ", namespace: shop, labels: {" + labels + "}}\n" +
         "spec: {containers: [{name: redis, resources: {limits: {memory: 118Mi}}}]}\nstatus: {podIP: " + ip +
         "}\n";
}

class ManifestFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "manifests-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  ManifestFiles files(std::vector<std::string> names) { return ManifestFiles(std::move(names), input_); }
  std::string refusal(std::vector<std::string> names) {
    const auto objects = files(std::move(names)).load();
    return objects ? "accepted" : objects.error().message;
  }

  fs::path folder_;
  std::istringstream input_;
};

TEST_F(ManifestFilesTest, TakeWhatKubectlPrintsUnchanged) {
  const auto printed = fs::path(SOURCE_FOLDER) / "tests/data/pods/kubectl-get-pods.yaml";
  const auto objects = files({write("rrb.yaml", kRebalance), printed.string()}).load().value();
  ASSERT_EQ(objects.pods.size(), 2U);  // the seed job has finished
  const auto& first = objects.pods.at(0);
  EXPECT_EQ(first.name, "redis-0");
  EXPECT_EQ(first.ip, "10.244.1.17");
  EXPECT_EQ(first.port, 6379);
  EXPECT_EQ(first.container, "redis");
  EXPECT_EQ(first.zone, "eu-1a");
  EXPECT_EQ(first.limit, 3 * kGiB);  // a resize to 4Gi is under way
  EXPECT_EQ(first.request, 3 * kGiB);
  EXPECT_TRUE(first.ready);
  const auto& second = objects.pods.at(1);
  EXPECT_EQ(second.ip, "fd00::17");
  EXPECT_EQ(second.limit, 4 * kGiB);
  EXPECT_EQ(second.restart_count, 2);
  EXPECT_TRUE(second.oom_killed);
  EXPECT_TRUE(second.deleting);
  EXPECT_FALSE(second.ready);
}

TEST_F(ManifestFilesTest, ReadAFolderInOrderAndNothingElseInIt) {
  write("b.yml", pod("redis-1", "10.0.0.2"));
  write("a.yaml", kRebalance + pod("redis-0", "10.0.0.1"));
  write("c.json",
        R"({"kind":"Secret","metadata":{"name":"s","namespace":"shop"},"stringData":{"password":"x"}})");
  write("notes.txt", "{{{");
  auto store = files({folder_.string()});
  EXPECT_EQ(store.load().value().pods.size(), 2U);
  EXPECT_EQ(store.secret("shop", "s").value().data.at("password"), "x");
}

TEST_F(ManifestFilesTest, ReadStandardInputOnceForAllLoads) {
  input_.str(kRebalance + pod("redis-0", "10.0.0.1"));
  auto store = files({"-"});
  EXPECT_TRUE(store.load());
  EXPECT_EQ(store.load().value().pods.size(), 1U);
}

TEST_F(ManifestFilesTest, SeeARotatedSecret) {
  const std::string head = "kind: Secret\nmetadata: {name: s}\nstringData: {password: ";
  const auto name = write("secret.yaml", head + "old}\n");
  auto store = files({name});
  EXPECT_EQ(store.secret("default", "s").value().data.at("password"), "old");
  write("secret.yaml", head + "new}\n");
  EXPECT_EQ(store.secret("default", "s").value().data.at("password"), "new");
}

TEST_F(ManifestFilesTest, SayWhichSecretIsMissing) {
  auto store = files({write("rrb.yaml", kRebalance)});
  EXPECT_THAT(store.secret("shop", "redis-auth").error().message,
              HasSubstr("no Secret redis-auth of namespace shop"));
}

TEST_F(ManifestFilesTest, NeedExactlyOneRedisRebalance) {
  EXPECT_THAT(refusal({write("pods.yaml", pod("redis-0", "10.0.0.1"))}), HasSubstr("no RedisRebalance in"));
  EXPECT_THAT(refusal({write("two.yaml", std::string(kRebalance) + "---\n" + kRebalance)}),
              HasSubstr("more than one RedisRebalance"));
}

TEST_F(ManifestFilesTest, NameTheLabelsThatPodsHaveWhereTheSelectorMatchesNone) {
  EXPECT_EQ(refusal({write("a.yaml", kRebalance + pod("redis-0", "10.0.0.1", "app: redis"))}),
            "spec.cluster.podSelector app=redis-cluster matches no pod in namespace shop: "
            "the pods have: app=redis in namespace shop");
  EXPECT_THAT(refusal({write("b.yaml", kRebalance)}), HasSubstr("the files hold no pod"));
}

TEST_F(ManifestFilesTest, RefuseTwoPodsAtOneAddressAndOnePodTwice) {
  EXPECT_THAT(
      refusal({write("a.yaml", kRebalance + pod("redis-0", "10.0.0.1") + pod("redis-1", "10.0.0.1"))}),
      HasSubstr("pods redis-0 and redis-1 have the same address 10.0.0.1 port 6379"));
  EXPECT_THAT(
      refusal({write("b.yaml", kRebalance + pod("redis-0", "10.0.0.1") + pod("redis-0", "10.0.0.2"))}),
      HasSubstr("pod redis-0 stands in the files twice"));
}

TEST_F(ManifestFilesTest, SayWhichFileCannotBeReadOrUnderstood) {
  EXPECT_THAT(refusal({(folder_ / "none.yaml").string()}),
              HasSubstr("none.yaml: cannot be read: No such file"));
  EXPECT_THAT(refusal({write("broken.yaml", "a: [1\n")}), HasSubstr("broken.yaml:"));
  EXPECT_THAT(refusal({folder_.string() + "/broken.yaml"}), HasSubstr("not valid YAML"));
}

TEST_F(ManifestFilesTest, RefuseAFolderWithoutManifests) {
  EXPECT_THAT(refusal({folder_.string()}), HasSubstr("the folder holds no *.yaml"));
}

TEST_F(ManifestFilesTest, LoadPodsWithoutARedisRebalance) {
  ClusterSpec cluster;
  cluster.match_labels = {{"app", "redis-cluster"}};
  EXPECT_EQ(files({write("pods.yaml", pod("redis-0", "10.0.0.1"))}).load_pods(cluster, "shop").value().size(),
            1U);
}

}  // namespace
}  // namespace rebalance
