#include "model/world.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

NodeState node(const std::string& pod) {
  NodeState node;
  node.id = "id-" + pod;
  node.pod = pod;
  return node;
}

PodState pod(const std::string& name, const std::string& stateful_set, const std::string& revision) {
  PodState pod;
  pod.name = name;
  pod.stateful_set = stateful_set;
  pod.revision = revision;
  return pod;
}

TEST(World, PodsOfAStatefulSetWithSeveralRevisionsAreInARollout) {
  ClusterState cluster;
  cluster.nodes = {node("a-0"), node("a-1"), node("b-0"), node("bare")};
  const auto world = make_world(
      cluster, {pod("a-0", "a", "7d4"), pod("a-1", "a", "9c1"), pod("b-0", "b", "55f"), pod("bare", "", "")},
      {});
  EXPECT_EQ(world.find_pod("a-0")->rollout, "a");
  EXPECT_EQ(world.find_pod("a-1")->rollout, "a");
  EXPECT_EQ(world.find_pod("b-0")->rollout, "");
  EXPECT_EQ(world.find_pod("bare")->rollout, "");
}

TEST(World, PodsOfOneRevisionAreNotInARollout) {
  ClusterState cluster;
  cluster.nodes = {node("a-0"), node("a-1")};
  const auto world = make_world(cluster, {pod("a-0", "a", "7d4"), pod("a-1", "a", "7d4")}, {});
  EXPECT_EQ(world.find_pod("a-0")->rollout, "");
}

}  // namespace
}  // namespace rebalance
