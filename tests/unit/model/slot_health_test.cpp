#include "model/slot_health.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

SlotSet slots(const char* text) { return SlotSet::parse(text).value(); }

Gossip owner(const char* id, const char* owned) {
  Gossip line;
  line.id = id;
  line.slots = slots(owned);
  return line;
}

// Two primaries that see each other.
ClusterState pair() {
  ClusterState cluster;
  for (const char* id : {"a", "b"}) {
    NodeState node;
    node.id = id;
    node.slots = slots(node.id == "a" ? "0-8191" : "8192-16383");
    node.view.nodes = {owner("a", "0-8191"), owner("b", "8192-16383")};
    cluster.nodes.push_back(node);
  }
  return cluster;
}

TEST(SlotHealth, AHealthyClusterServesAllSlots) {
  const auto health = slot_health(pair());
  EXPECT_EQ(health.assigned, 16384);
  EXPECT_EQ(health.ok, 16384);
  EXPECT_EQ(health.pfail + health.fail, 0);
}

TEST(SlotHealth, OneNodeThatSuspectsTheOwnerIsEnough) {
  auto cluster = pair();
  cluster.nodes[0].view.nodes[1].pfail = true;
  const auto health = slot_health(cluster);
  EXPECT_EQ(health.ok, 8192);
  EXPECT_EQ(health.pfail, 8192);
  EXPECT_EQ(health.fail, 0);
}

TEST(SlotHealth, AFailedOwnerCountsOnceAndItsSlotsStayAssigned) {
  auto cluster = pair();
  cluster.nodes.pop_back();  // it cannot be reached any more
  cluster.nodes[0].view.nodes[1].pfail = cluster.nodes[0].view.nodes[1].fail = true;
  const auto health = slot_health(cluster);
  EXPECT_EQ(health.assigned, 16384);
  EXPECT_EQ(health.ok, 8192);
  EXPECT_EQ(health.pfail, 0);
  EXPECT_EQ(health.fail, 8192);
}

TEST(SlotHealth, SlotsThatNobodyOwnsAreNotAssigned) {
  auto cluster = pair();
  cluster.nodes.pop_back();
  cluster.nodes[0].view.nodes.pop_back();
  EXPECT_EQ(slot_health(cluster).assigned, 8192);
  EXPECT_EQ(slot_health(cluster).ok, 8192);
}

}  // namespace
}  // namespace rebalance
