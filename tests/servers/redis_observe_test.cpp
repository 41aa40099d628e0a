#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "redis/observe.h"
#include "redis_support.h"

namespace rebalance {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<Finding> blockers(const ClusterState& cluster) {
  std::vector<Finding> found;
  std::ranges::copy_if(cluster.findings, std::back_inserter(found),
                       [](const Finding& finding) { return finding.severity == Severity::kBlocker; });
  return found;
}

std::string said(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings)
    text += finding.name + " " + finding.where + ": " + finding.evidence + "\n";
  return text;
}

class Observation : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Versions, Observation, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Observation, SeesOwnersReplicasAndMemoryOfAHealthyCluster) {
  rig::ClusterOptions options{.primaries = 3, .empty_primaries = 1, .replicas = 0};
  options.server.aof = true;
  rig::TestCluster cluster(GetParam(), options);
  const int replica = cluster.add_replica(0);
  cluster.wait_until_agreed();
  const auto online = [&] {
    return cluster.command(0, {"INFO", "replication"}).text.find("state=online") != std::string::npos;
  };
  ASSERT_TRUE(rig::wait_until(online, rig::Milliseconds(20'000)));
  const auto seen = observe_cluster(accesses_to(cluster));
  EXPECT_THAT(blockers(seen), IsEmpty()) << said(seen.findings);
  ASSERT_EQ(seen.nodes.size(), 5U);
  EXPECT_EQ(seen.primaries().size(), 4U);
  const auto* primary = seen.find(cluster.node_id(0));
  ASSERT_NE(primary, nullptr);
  EXPECT_EQ(primary->pod, "pod-0");
  EXPECT_EQ(primary->slots.size(), cluster.slots_of(0));
  EXPECT_EQ(primary->version.text(), GetParam().product + " " + std::to_string(GetParam().major) + "." +
                                         std::to_string(GetParam().minor) + "." +
                                         std::to_string(GetParam().patch));
  EXPECT_GT(primary->memory.used, 0);
  EXPECT_TRUE(primary->aof_enabled);
  EXPECT_EQ(primary->cluster_node_timeout_millis, options.server.node_timeout_ms);
  ASSERT_EQ(primary->replicas.size(), 1U);
  EXPECT_TRUE(primary->replicas[0].online);
  const auto replicas = seen.replicas_of(cluster.node_id(0));
  ASSERT_EQ(replicas.size(), 1U);
  EXPECT_EQ(replicas[0]->id, cluster.node_id(replica));
  EXPECT_TRUE(replicas[0]->primary_link_up);
}

TEST_P(Observation, NamesOpenSlotsOfBothSides) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  const int slot = 5;
  const int source = cluster.owner_of(slot);
  const int target = 1 - source;
  cluster.command(target, {"CLUSTER", "SETSLOT", "5", "IMPORTING", cluster.node_id(source)});
  cluster.command(source, {"CLUSTER", "SETSLOT", "5", "MIGRATING", cluster.node_id(target)});
  const auto open = blockers(observe_cluster(accesses_to(cluster)));
  EXPECT_THAT(open,
              Contains(Field(&Finding::evidence, HasSubstr("5 migrating to pod-" + std::to_string(target)))));
  EXPECT_THAT(
      open, Contains(Field(&Finding::evidence, HasSubstr("5 importing from pod-" + std::to_string(source)))));
}

TEST_P(Observation, AnUnreachableNodeIsAFinding) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  const auto accesses = accesses_to(cluster);
  cluster.node(1).kill_hard();
  const auto seen = observe_cluster(accesses);
  EXPECT_EQ(seen.nodes.size(), 1U);
  EXPECT_THAT(seen.findings, Contains(testing::AllOf(Field(&Finding::name, "NodeUnreachable"),
                                                     Field(&Finding::where, "pod-1"))));
  EXPECT_THAT(seen.findings, Contains(Field(&Finding::name, "MissingNode")));
}

TEST_P(Observation, LooksAtFourNodesInUnderThirtyMilliseconds) {
  rig::TestCluster cluster(GetParam(), {.primaries = 4});
  auto accesses = accesses_to(cluster);
  std::vector<Connection> connections;
  for (auto& access : accesses) connections.push_back(Connection::open(access.connect).value());
  for (std::size_t i = 0; i < accesses.size(); ++i) accesses[i].connection = &connections[i];
  double best = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto start = BootClock::now();
    ASSERT_EQ(observe_cluster(accesses).nodes.size(), 4U);
    best = std::min(best, seconds_between(start, BootClock::now()));
  }
  RecordProperty("milliseconds", std::to_string(1000 * best));
  EXPECT_LT(best, 0.030);
}

TEST(ObservationOfOne, AServerThatIsNoClusterNodeIsRefused) {
  const rig::TempFolder folder;
  const rig::Server server(rig::installed_versions().front(), folder.path() / "one", {.cluster = false});
  auto connection = Connection::open(options_to(server.endpoint())).value();
  const auto node = observe_node(connection, "pod-0");
  ASSERT_FALSE(node);
  EXPECT_THAT(node.error().message, HasSubstr("cluster-enabled is off"));
}

TEST(ObservationOfOne, WhatMayNotBeReadIsAWarningThatNamesTheRight) {
  rig::ClusterOptions options{.primaries = 1};
  options.server.user = "looker";
  options.server.password = "pw";
  options.server.acl = "~* +cluster +info +role +client";
  rig::TestCluster cluster(rig::installed_versions().front(), options);
  auto connection = Connection::open(options_to(cluster.node(0).client_endpoint())).value();
  std::vector<Finding> findings;
  ASSERT_TRUE(observe_node(connection, "pod-0", &findings));
  EXPECT_THAT(findings, Contains(Field(&Finding::remedy, HasSubstr("+config|get"))));
  EXPECT_THAT(findings, Not(Contains(Field(&Finding::severity, Severity::kBlocker))));
}

TEST(ObservationOfOne, ReadsMemoryLightly) {
  rig::TestCluster cluster(rig::installed_versions().front(), {.primaries = 1});
  auto connection = Connection::open(options_to(cluster.node(0).endpoint())).value();
  const auto memory = read_memory(connection).value();
  EXPECT_GT(memory.used, 0);
  EXPECT_GT(memory.rss, 0);
  EXPECT_EQ(memory.working_set, -1);
}

}  // namespace
}  // namespace rebalance
