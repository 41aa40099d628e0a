// The chart and the plain manifests: what they render is what a real API server takes, and grants what the
// operator needs and no more.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rig/control_plane.h"
#include "rig/temp_folder.h"

namespace rig {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const fs::path kSource = SOURCE_FOLDER;
const fs::path kChart = kSource / "charts/redis-rebalance-operator";
constexpr const char* kSpace = "redis-rebalance-system";
constexpr const char* kAccount = "system:serviceaccount:redis-rebalance-system:redis-rebalance-operator";

fs::path example(const std::string& name) { return kSource / "tests/data/chart" / (name + ".yaml"); }

Finished helm(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kube_tool("helm"));
  return run(arguments);
}

std::string rendered(const std::string& name, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {
      "template",    "redis-rebalance-operator", kChart,  "--namespace", kSpace, "--values",
      example(name), "--kube-version",           "1.36.0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Finished done = helm(arguments);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  return done.out;
}

// Makes a namespace of a fixed name, once.
void ensure_namespace(const std::string& name) {
  const KubeApi api = ControlPlane::shared().admin();
  if (!api.exists("/api/v1/namespaces/" + name))
    api.create("/api/v1/namespaces", json{{"metadata", {{"name", name}}}}.dump());
}

// Swagger's way to say int-or-string and unknown fields, put into JSON schema's.
void make_strict(json& definition) {
  if (definition.is_object()) {
    if (definition.contains("format") && definition["format"] == "int-or-string") {
      definition.erase("type");
      definition.erase("format");
      definition["type"] = {"string", "integer"};
    }
    if (definition.contains("properties") && definition.value("type", json()) == "object" &&
        !definition.contains("additionalProperties"))
      definition["additionalProperties"] = false;
    if (definition.contains("$ref") && definition["$ref"].is_string()) {
      const std::string reference = definition["$ref"];
      definition["$ref"] = "_all.json" + reference;
    }
  }
  if (definition.is_structured())
    for (auto& item : definition) make_strict(item);
}

// The schemas of all kinds as kubeconform wants them, by the API server's own word: KIND.json.
void write_schemas(const fs::path& folder) {
  const json swagger = json::parse(ControlPlane::shared().admin().get("/openapi/v2"));
  json definitions = swagger.at("definitions");
  for (auto& [name, definition] : definitions.items()) {
    if (!definition.contains("x-kubernetes-group-version-kind")) continue;
    for (const auto& kind : definition["x-kubernetes-group-version-kind"]) {
      // kubeconform asks in small letters, and for v1-v1-pod of the core group.
      const std::string version = kind.at("version");
      const std::string group = kind.at("group");
      std::string file = (group.empty() ? version : group) + "-" + version + "-" +
                         kind.at("kind").get<std::string>() + ".json";
      std::ranges::transform(file, file.begin(), [](unsigned char c) { return std::tolower(c); });
      write_file(folder / file, json{{"$ref", "_all.json#/definitions/" + name}}.dump());
    }
  }
  make_strict(definitions);
  // A quantity may be written as a number.
  definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {{"type", {"string", "number"}}};
  write_file(folder / "_all.json", json{{"definitions", definitions}}.dump());
}

class Examples : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Chart, Examples, testing::Values("default", "two-namespaces", "everything"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(Examples, PassHelmsStrictLint) {
  const Finished done = helm({"lint", "--strict", "--values", example(GetParam()), kChart});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
}

TEST_P(Examples, AreTakenByARealApiServer) {
  for (const auto& name : {kSpace, "shop", "billing"}) ensure_namespace(name);
  const Finished done = ControlPlane::shared().kubectl(
      {"apply", "--server-side", "--dry-run=server", "-f", "-"}, rendered(GetParam()));
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.err, Not(HasSubstr("Warning")));
}

TEST_P(Examples, FitTheSchemasStrictly) {
  const TempFolder folder;
  write_schemas(folder.path());
  const std::string location =
      (folder.path() / "{{ .Group }}-{{ .ResourceAPIVersion }}-{{ .ResourceKind }}.json").string();
  const Finished done =
      run({kube_tool("kubeconform"), "-strict", "-summary", "-schema-location", location, "-skip",
           "ServiceMonitor,PodMonitor,PrometheusRule,CustomResourceDefinition", "-"},
          {.input = rendered(GetParam(), {"--api-versions", "monitoring.coreos.com/v1"})});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("Errors: 0"));
}

TEST(Chart, RefusesAValueThatItDoesNotKnow) {
  const Finished done = helm({"template", "x", kChart, "--set", "replicaCount=3"});
  EXPECT_NE(done.exit_code, 0);
  EXPECT_THAT(done.err, HasSubstr("replicaCount"));
}

TEST(Chart, LeavesMonitoringOutWhereItsApiIsNotServed) {
  EXPECT_THAT(rendered("everything"), Not(HasSubstr("monitoring.coreos.com/v1")));
  const std::string with = rendered("everything", {"--api-versions", "monitoring.coreos.com/v1"});
  for (const auto& kind : {"ServiceMonitor", "PodMonitor", "PrometheusRule"})
    EXPECT_THAT(with, HasSubstr(fmt::format("kind: {}\n", kind)));
  EXPECT_THAT(with, HasSubstr("runbook_url: https://example.org/runbooks/RedisSlotsUnassigned.md"));
}

TEST(Chart, KeepsTheResourceWhenItIsUninstalled) {
  EXPECT_THAT(rendered("default"), HasSubstr("helm.sh/resource-policy: keep"));
  EXPECT_THAT(rendered("two-namespaces"), Not(HasSubstr("CustomResourceDefinition")));
}

TEST(Chart, GrantsNothingClusterWideForSomeNamespaces) {
  EXPECT_THAT(rendered("two-namespaces"), Not(HasSubstr("kind: ClusterRoleBinding")));
  EXPECT_THAT(rendered("default"), HasSubstr("kind: ClusterRoleBinding"));
}

TEST(Generated, IsUpToDate) {
  const Finished done = run({kSource / "scripts/manifests", "--check"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
}

TEST(Alerts, PassTheirUnitTests) {
  const Finished check = run({kube_tool("promtool"), "check", "rules", kChart / "files/alerts.yaml"});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
  const Finished test =
      run({kube_tool("promtool"), "test", "rules", kSource / "tests/data/alerts/alerts_test.yaml"});
  EXPECT_EQ(test.exit_code, 0) << test.out << test.err;
}

TEST(Alerts, HaveEachARunbook) {
  const std::string alerts = read_file(kChart / "files/alerts.yaml");
  size_t at = 0;
  int seen = 0;
  while ((at = alerts.find("- alert: ", at)) != std::string::npos) {
    at += 9;
    const std::string name = alerts.substr(at, alerts.find('\n', at) - at);
    EXPECT_TRUE(fs::exists(kSource / "docs/runbooks" / (name + ".md"))) << name;
    ++seen;
  }
  EXPECT_GE(seen, 8);
}

// The plain manifest, really applied.
class Installed : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const Finished done = ControlPlane::shared().kubectl(
        {"apply", "--server-side", "--force-conflicts", "-f", kSource / "config/install.yaml"});
    ASSERT_EQ(done.exit_code, 0) << done.out << done.err;
  }
  // Whether the operator's account may; "pods/exec" is a subresource.
  static std::string can(const std::string& verb, const std::string& resource,
                         const std::string& name_space = "default") {
    std::vector<std::string> arguments = {
        "auth",        "can-i",    verb,   resource.substr(0, resource.find('/')),
        "--namespace", name_space, "--as", kAccount};
    if (const size_t at = resource.find('/'); at != std::string::npos)
      arguments.insert(arguments.end(), {"--subresource", resource.substr(at + 1)});
    const Finished done = ControlPlane::shared().kubectl(arguments);
    return done.out.substr(0, done.out.find('\n'));
  }
};

TEST_F(Installed, MayDoWhatTheOperatorDoes) {
  for (const auto& [verb, resource] : std::vector<std::pair<const char*, const char*>>{
           {"list", "redisrebalances.redisrebalance.io"},
           {"watch", "redisrebalances.redisrebalance.io"},
           {"patch", "redisrebalances.redisrebalance.io"},
           {"delete", "redisrebalances.redisrebalance.io"},
           {"patch", "redisrebalances.redisrebalance.io/status"},
           {"update", "redisrebalances.redisrebalance.io/finalizers"},
           {"list", "pods"},
           {"watch", "pods"},
           {"get", "secrets"},
           {"create", "configmaps"},
           {"patch", "configmaps"},
           {"get", "leases.coordination.k8s.io"},
           {"update", "leases.coordination.k8s.io"},
           {"create", "events.events.k8s.io"},
           {"patch", "events.events.k8s.io"}})
    EXPECT_EQ(can(verb, resource), "yes") << verb << ' ' << resource;
  EXPECT_EQ(can("watch", "configmaps", kSpace), "yes");
}

TEST_F(Installed, MayDoNoMore) {
  for (const auto& [verb, resource] :
       std::vector<std::pair<const char*, const char*>>{{"list", "secrets"},
                                                        {"watch", "secrets"},
                                                        {"create", "secrets"},
                                                        {"create", "pods/exec"},
                                                        {"create", "pods"},
                                                        {"delete", "pods"},
                                                        {"patch", "pods"},
                                                        {"patch", "pods/resize"},
                                                        {"list", "configmaps"},
                                                        {"get", "statefulsets.apps"},
                                                        {"create", "redisrebalances.redisrebalance.io"},
                                                        {"get", "nodes"},
                                                        {"list", "namespaces"},
                                                        {"create", "clusterroles.rbac.authorization.k8s.io"}})
    EXPECT_EQ(can(verb, resource), "no") << verb << ' ' << resource;
}

TEST_F(Installed, LetsTheRoleEditUseTheResource) {
  const KubeApi api = ControlPlane::shared().admin();
  const std::string role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/redis-rebalance-operator-edit";
  EXPECT_EQ(api.field(role, "/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-edit"), "true");
}

// The namespace enforces the standard `restricted`; a pod as the Deployment makes it is let in.
TEST_F(Installed, RunsUnderTheRestrictedPodSecurityStandard) {
  const KubeApi api = ControlPlane::shared().admin();
  EXPECT_EQ(api.field(fmt::format("/api/v1/namespaces/{}", kSpace),
                      "/metadata/labels/pod-security.kubernetes.io~1enforce"),
            "restricted");
  const json deployment = json::parse(
      api.get(fmt::format("/apis/apps/v1/namespaces/{}/deployments/redis-rebalance-operator", kSpace)));
  json pod = deployment.at("spec").at("template");
  pod["metadata"]["name"] = "as-deployed";
  const HttpAnswer allowed = api.send("POST", core_path(kSpace, "pods") + "?dryRun=All", pod.dump());
  EXPECT_EQ(allowed.status, 201) << allowed.body;
  pod["spec"]["containers"][0].erase("securityContext");
  EXPECT_EQ(api.send("POST", core_path(kSpace, "pods") + "?dryRun=All", pod.dump()).status, 403);
}

TEST_F(Installed, IsABaseForKustomize) {
  const Finished done = ControlPlane::shared().kubectl({"kustomize", kSource / "config"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("image: redis-rebalance-operator:0.1.0"));
}

TEST_F(Installed, TakesTheSamples) {
  const Finished done = ControlPlane::shared().kubectl(
      {"apply", "--server-side", "--dry-run=server", "-f", kSource / "samples"});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
}

}  // namespace
}  // namespace rig
