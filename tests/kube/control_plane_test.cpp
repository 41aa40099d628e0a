// The rig itself: that its API server is a real one, and that what tests do to it does what they think.
#include "rig/control_plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "rig/pod_objects.h"

namespace rig {
namespace {

using testing::HasSubstr;
using testing::Optional;
using testing::ThrowsMessage;

constexpr auto kSoon = Milliseconds(20'000);

std::string some_rebalance(const std::string& name, const std::string& port = "6379") {
  return "apiVersion: redisrebalance.io/v1alpha1\nkind: RedisRebalance\nmetadata: {name: " + name +
         "}\nspec: {cluster: {podSelector: {matchLabels: {app: x}}, port: " + port + "}}\n";
}

TEST(ControlPlane, FillsInTheDefaultsOfOurResource) {
  ControlPlane& plane = ControlPlane::shared();
  const std::string path = rebalance_path(plane.new_namespace(), "one");
  plane.admin().apply(path, some_rebalance("one"));
  EXPECT_THAT(plane.admin().field(path, "/spec/headroom/minFreePercent"), Optional(std::string("20")));
  EXPECT_THAT(plane.admin().field(path, "/spec/goal/type"), Optional(std::string("Balance")));
}

TEST(ControlPlane, RefusesWhatTheSchemaForbidsInTheServersWords) {
  ControlPlane& plane = ControlPlane::shared();
  const std::string path = rebalance_path(plane.new_namespace(), "one");
  EXPECT_THAT([&] { plane.admin().apply(path, some_rebalance("one", "700000")); },
              ThrowsMessage<std::runtime_error>(HasSubstr("spec.cluster.port")));
}

TEST(ControlPlane, GivesAServiceAccountNoRightsUntilARoleIsBound) {
  ControlPlane& plane = ControlPlane::shared();
  const std::string space = plane.new_namespace();
  const KubeApi account = plane.as(plane.token_of(space, "operator"));
  EXPECT_EQ(account.send("GET", core_path(space, "pods")).status, 403);
  const std::string roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/" + space;
  plane.admin().create(
      roles + "/roles",
      R"({"metadata": {"name": "look"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]})");
  plane.admin().create(roles + "/rolebindings",
                       R"({"metadata": {"name": "look"},
                           "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
                           "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": ")" +
                           space + R"("}]})");
  EXPECT_TRUE(wait_until([&] { return account.send("GET", core_path(space, "pods")).ok(); }, kSoon));
}

TEST(ControlPlane, KnowsAnAdministratorByHisCertificate) {
  const Finished done = ControlPlane::shared().kubectl({"auth", "can-i", "*", "*", "--all-namespaces"});
  EXPECT_EQ(done.out, "yes\n") << done.err;
}

TEST(ControlPlane, HoldsThePodsOfARealCluster) {
  ControlPlane& plane = ControlPlane::shared();
  const std::string space = plane.new_namespace();
  const TestCluster cluster(version_named("r70"), {.primaries = 3, .server = {.password = "secret"}});
  write_pods(plane.admin(), space, cluster);
  const std::string pod = core_path(space, "pods", "redis-1");
  EXPECT_THAT(plane.admin().field(pod, "/status/podIP"), Optional(std::string("127.0.0.1")));
  EXPECT_THAT(plane.admin().field(pod, "/spec/containers/0/ports/0/containerPort"),
              Optional(std::to_string(cluster.node(1).port())));
  EXPECT_TRUE(plane.admin().exists(core_path(space, "secrets", "redis-auth")));

  set_running_limit(plane.admin(), space, "redis-1", 128 << 20);
  EXPECT_THAT(plane.admin().field(pod, "/status/containerStatuses/0/resources/limits/memory"),
              Optional(std::to_string(128 << 20)));
  remove_pod(plane.admin(), space, "redis-1");
  EXPECT_FALSE(plane.admin().exists(pod));
}

// A server of its own: it is stopped, paused and made to forget.
class OwnControlPlane : public testing::Test {
 protected:
  ControlPlane plane_;
};

TEST_F(OwnControlPlane, ComesBackWithWhatItHeldAfterAStopAndAfterAPause) {
  const std::string space = plane_.new_namespace();
  plane_.stop_api_server();
  EXPECT_THROW(plane_.admin().get("/readyz"), std::runtime_error);
  plane_.start_api_server();
  EXPECT_TRUE(plane_.admin().exists("/api/v1/namespaces/" + space));

  plane_.pause_api_server();
  EXPECT_THROW(http({.port = plane_.port(), .ca = plane_.ca(), .token = {}}, "GET", "/readyz", "", "",
                    Milliseconds(300)),
               std::runtime_error);
  plane_.resume_api_server();
  EXPECT_TRUE(plane_.admin().exists("/api/v1/namespaces/" + space));
}

TEST_F(OwnControlPlane, AnswersGoneForAHistoryThatItForgot) {
  const KubeApi api = plane_.admin();
  const std::string space = plane_.new_namespace();
  const auto version = api.field("/api/v1/namespaces/" + space, "/metadata/resourceVersion");
  for (int i = 0; i < 5; ++i)
    api.create(core_path(space, "configmaps"), R"({"metadata": {"name": "c)" + std::to_string(i) + R"("}})");
  plane_.forget_history();
  const HttpAnswer answer = api.send(
      "GET", core_path(space, "configmaps") + "?watch=1&timeoutSeconds=1&resourceVersion=" + version.value());
  EXPECT_THAT(answer.body, HasSubstr("\"code\":410"));
}

TEST(OwnControlPlaneEnd, LeavesNoProcessAndNoFolder) {
  std::filesystem::path folder;
  int port = 0;
  {
    const ControlPlane plane;
    folder = plane.folder();
    port = plane.port();
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  EXPECT_THROW(http({.port = port}, "GET", "/"), std::runtime_error);
}

}  // namespace
}  // namespace rig
