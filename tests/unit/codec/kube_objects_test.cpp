#include "codec/kube_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using ::testing::HasSubstr;

// A pod redis-0 whose spec and status are given in YAML's flow style.
Result<PodState> pod(const std::string& spec, const std::string& status = "{podIP: 10.0.0.1}",
                     const ClusterSpec& cluster = {}) {
  const auto text = "kind: Pod\nmetadata: {name: redis-0}\nspec: " + spec + "\nstatus: " + status + "\n";
  return decode_pod(parse_yaml(text, "pods.yaml").value().at(0), cluster);
}

Bytes limit(const std::string& spec, const std::string& status = "{}") {
  return pod(spec, status).value().limit;
}

std::string containers(const std::string& resources) {
  return "{containers: [{name: redis, resources: " + resources + "}]}";
}

TEST(PodLimit, IsTheContainersOwn) { EXPECT_EQ(limit(containers("{limits: {memory: 118Mi}}")), 118 * kMiB); }

TEST(PodLimit, IsNoneWhereNothingOrZeroIsSet) {
  EXPECT_EQ(limit(containers("{}")), 0);
  EXPECT_EQ(limit(containers("{limits: {memory: \"0\"}}")), 0);
  EXPECT_EQ(limit(containers("{limits: {cpu: 2}}")), 0);
}

TEST(PodLimit, IsTheSmallerWhileAResizeIsUnderWay) {
  const auto enacted = "{containerStatuses: [{name: redis, resources: {limits: {memory: 2Gi}}}]}";
  EXPECT_EQ(limit(containers("{limits: {memory: 4Gi}}"), enacted), 2 * kGiB);
  EXPECT_EQ(limit(containers("{limits: {memory: 1Gi}}"), enacted), kGiB);
}

TEST(PodLimit, IgnoresTheStatusOfOtherContainers) {
  EXPECT_EQ(limit(containers("{limits: {memory: 4Gi}}"),
                  "{containerStatuses: [{name: metrics, resources: {limits: {memory: 64Mi}}}]}"),
            4 * kGiB);
}

TEST(PodLimit, IsWhatThePodsLimitLeavesBesideOthersAndSidecars) {
  const std::string spec =
      "{resources: {limits: {memory: 4Gi}}, "
      "initContainers: [{name: mesh, restartPolicy: Always, resources: {limits: {memory: 512Mi}}}, "
      "{name: setup, resources: {limits: {memory: 3Gi}}}], "
      "containers: [{name: redis, ports: [{containerPort: 6379}]}, {name: metrics, resources: {requests: "
      "{memory: 256Mi}}}]}";
  EXPECT_EQ(limit(spec), 4 * kGiB - 512 * kMiB - 256 * kMiB);
}

TEST(PodLimit, DoesNotExceedWhatThePodsLimitLeaves) {
  EXPECT_EQ(limit("{resources: {limits: {memory: 2Gi}}, containers: [{name: redis, resources: {limits: "
                  "{memory: 4Gi}}}]}"),
            2 * kGiB);
}

TEST(PodLimit, RefusesAPodWhoseOthersTakeEverything) {
  const auto state =
      pod("{resources: {limits: {memory: 1Gi}}, containers: [{name: redis, ports: [{containerPort: 6379}]}, "
          "{name: cache, resources: {limits: {memory: 1Gi}}}]}");
  EXPECT_EQ(state.error().message,
            "pod redis-0: its pod-level memory limit of 1Gi is used up by its other containers (1Gi)");
}

TEST(PodLimit, RefusesABadQuantity) {
  EXPECT_THAT(pod(containers("{limits: {memory: 4GB}}")).error().message,
              HasSubstr("pod redis-0: \"4GB\" is not a quantity"));
}

std::string hindrance(const std::string& spec) { return pod(spec).value().resize.hindrance; }

TEST(PodResize, HasWhatIsAskedForAndWhatIsReal) {
  const auto state = pod(containers("{limits: {memory: 4Gi}}"),
                         "{qosClass: Guaranteed, containerStatuses: [{name: redis, resources: {limits: "
                         "{memory: 2Gi}}}]}")
                         .value();
  EXPECT_EQ(state.resize.wanted, 4 * kGiB);
  EXPECT_EQ(state.resize.actual, 2 * kGiB);
  EXPECT_TRUE(state.resize.guaranteed);
  EXPECT_EQ(state.resize.hindrance, "");
  EXPECT_EQ(state.resize.state, "");
}

TEST(PodResize, IsHinderedByARestartAPodLevelLimitASidecarAndNoLimit) {
  const std::string limits = "resources: {limits: {memory: 1Gi}}";
  const auto policy = [&](const char* of, const char* restart) {
    return "{containers: [{name: redis, " + limits + ", resizePolicy: [{resourceName: " + of +
           ", restartPolicy: " + restart + "}]}]}";
  };
  EXPECT_THAT(hindrance(policy("memory", "RestartContainer")), HasSubstr("would restart the server"));
  EXPECT_EQ(hindrance(policy("memory", "NotRequired")), "");
  EXPECT_EQ(hindrance(policy("cpu", "RestartContainer")), "");
  EXPECT_THAT(hindrance("{" + limits + ", containers: [{name: redis, " + limits + "}]}"),
              HasSubstr("the whole pod"));
  EXPECT_THAT(hindrance("{initContainers: [{name: redis, restartPolicy: Always, ports: [{containerPort: "
                        "6379}], " +
                        limits + "}], containers: [{name: app}]}"),
              HasSubstr("sidecar"));
  EXPECT_THAT(hindrance(containers("{}")), HasSubstr("no memory limit"));
}

TEST(PodResize, SaysWhatTheKubeletSays) {
  const auto told = [](const std::string& conditions) {
    return pod(containers("{limits: {memory: 1Gi}}"), "{conditions: [" + conditions + "]}").value().resize;
  };
  const std::string under_way = "{type: PodResizeInProgress, status: \"True\"}";
  const std::string deferred =
      "{type: PodResizePending, status: \"True\", reason: Deferred, message: no room}";
  EXPECT_EQ(told(under_way).state, "InProgress");
  EXPECT_EQ(told(deferred).state, "Deferred");
  EXPECT_EQ(told(deferred).message, "no room");
  EXPECT_EQ(told(under_way + ", " + deferred).state, "Deferred") << "the newer one is not accepted yet";
  EXPECT_EQ(told(deferred + ", " + under_way).state, "Deferred");
  EXPECT_EQ(told("{type: PodResizeInProgress, status: \"True\", reason: Error, message: x}").state, "Error");
  EXPECT_TRUE(told("{type: PodResizePending, status: \"True\", reason: Infeasible}").infeasible());
  EXPECT_EQ(told("{type: PodResizePending, status: \"False\", reason: Deferred}").state, "");
  EXPECT_EQ(told("{type: Ready, status: \"True\", reason: Fine}").state, "");
}

struct PortRow {
  const char* ports;
  PortRef wanted;
  int port;
};

TEST(PodPort, IsFoundByNumberByNameOrAlone) {
  const PortRow rows[] = {
      {"[]", {}, 6379},
      {"[{containerPort: 7001}]", {}, 7001},
      {"[{containerPort: 6379}, {containerPort: 16379}]", {}, 6379},
      {"[{containerPort: 7001, name: redis}, {containerPort: 17001}]", {0, "redis"}, 7001},
      {"[]", {7002, ""}, 7002},
  };
  for (const auto& [ports, wanted, port] : rows) {
    ClusterSpec cluster;
    cluster.port = wanted;
    EXPECT_EQ(
        pod(std::string("{containers: [{name: redis, ports: ") + ports + "}]}", "{}", cluster).value().port,
        port)
        << ports;
  }
}

TEST(PodPort, IsRefusedWhereItCannotBeTold) {
  const std::string two =
      "{containers: [{name: redis, ports: [{containerPort: 7001}, {containerPort: 17001}]}]}";
  EXPECT_THAT(pod(two).error().message, HasSubstr("has 2 ports and none is 6379; set spec.cluster.port"));
  ClusterSpec cluster;
  cluster.port.name = "redis";
  EXPECT_THAT(pod(two, "{}", cluster).error().message, HasSubstr("no port named \"redis\""));
}

TEST(PodContainer, IsTheNamedOneElseTheOneThatExposesThePort) {
  const std::string spec =
      "{containers: [{name: metrics, ports: [{containerPort: 9121}]}, {name: db, ports: [{containerPort: "
      "6379}]}]}";
  EXPECT_EQ(pod(spec).value().container, "db");
  ClusterSpec cluster;
  cluster.container = "metrics";
  EXPECT_EQ(pod(spec, "{}", cluster).value().container, "metrics");
  cluster.container = "redis";
  EXPECT_THAT(pod(spec, "{}", cluster).error().message,
              HasSubstr("no container \"redis\" (spec.cluster.container); it has metrics, db"));
}

TEST(PodContainer, IsRefusedWhereNoneOfManyExposesThePort) {
  EXPECT_THAT(pod("{containers: [{name: a}, {name: b}]}").error().message,
              HasSubstr("set spec.cluster.container"));
}

TEST(PodOperator, IsToldByItsLabels) {
  const auto operated_by = [](const std::string& labels) {
    const auto text = "kind: Pod\nmetadata: {name: redis-0, labels: " + labels +
                      "}\nspec: {containers: [{name: redis}]}\nstatus: {podIP: 10.0.0.1}\n";
    return decode_pod(parse_yaml(text, "pods.yaml").value().at(0), {}).value().operated_by;
  };
  EXPECT_EQ(operated_by("{redis_setup_type: cluster, role: leader}"), "OT-CONTAINER-KIT redis-operator");
  EXPECT_EQ(operated_by("{app.kubernetes.io/managed-by: Helm}"), "");
}

TEST(PodReadiness, NeedsAnAddress) {
  const auto spec = containers("{}");
  EXPECT_TRUE(pod(spec).value().ready);
  EXPECT_FALSE(pod(spec, "{phase: Pending}").value().ready);
  EXPECT_FALSE(pod(spec, "{podIP: 10.0.0.1, conditions: [{type: Ready, status: \"False\"}]}").value().ready);
}

TEST(Secret, DecodesDataAndLetsStringDataWin) {
  const auto secret =
      decode_secret(
          parse_yaml("kind: Secret\nmetadata: {name: redis-auth}\n"
                     "data: {password: cyNjcjN0, username: YWRtaW4=}\nstringData: {username: ops}\n",
                     "x")
              .value()
              .at(0))
          .value();
  EXPECT_EQ(secret.data.at("password"), "s#cr3t");
  EXPECT_EQ(secret.data.at("username"), "ops");
}

TEST(Secret, RefusesWhatIsNotBase64WithoutShowingIt) {
  for (const auto* value : {"hunter2!", "abc", "a=bc", "===="}) {
    const auto secret = decode_secret(
        parse_yaml(std::string("metadata: {name: s}\ndata: {password: \"") + value + "\"}\n", "x")
            .value()
            .at(0));
    ASSERT_FALSE(secret) << value;
    EXPECT_EQ(secret.error().message, "secret s: the value of data.password is not base64");
  }
}

}  // namespace
}  // namespace rebalance
