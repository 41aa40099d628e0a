#include "model/convergence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace rebalance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SlotSet slots(const char* text) { return SlotSet::parse(text).value(); }

Gossip line_of(const NodeState& node) {
  Gossip line;
  line.id = node.id;
  line.host = node.host;
  line.port = node.port;
  line.role = node.role;
  line.primary = node.primary;
  line.config_epoch = node.my_epoch;
  line.slots = node.slots;
  return line;
}

// Everybody sees what everybody is.
void gossip(ClusterState& cluster) {
  for (auto& node : cluster.nodes) {
    node.view.nodes.clear();
    for (const auto& other : cluster.nodes) {
      node.view.nodes.push_back(line_of(other));
      node.view.nodes.back().myself = other.id == node.id;
    }
  }
}

NodeState node(const char* name, const char* owned, int epoch) {
  NodeState state;
  state.id = std::string(name) + "-id";
  state.pod = name;
  state.host = std::string("10.0.0.") + std::to_string(epoch);
  state.version = {ServerKind::kRedis, 7, 0, 15};
  state.slots = slots(owned);
  state.my_epoch = epoch;
  state.aof_enabled = true;
  state.memory.maxmemory = kGiB;
  return state;
}

// a: 0-8191, b: 8192-16383, c: replica of a.
ClusterState healthy() {
  ClusterState cluster;
  cluster.nodes = {node("a", "0-8191", 1), node("b", "8192-16383", 2), node("c", "", 3)};
  auto& replica = cluster.nodes[2];
  replica.role = Role::kReplica;
  replica.primary = "a-id";
  replica.my_epoch = 1;
  gossip(cluster);
  return cluster;
}

Gossip& seen_by(ClusterState& cluster, int observer, int observed) {
  return cluster.nodes.at(static_cast<std::size_t>(observer))
      .view.nodes.at(static_cast<std::size_t>(observed));
}

std::vector<std::string> names(const std::vector<Finding>& findings) {
  std::vector<std::string> all;
  for (const auto& finding : findings) all.push_back(finding.name);
  return all;
}

TEST(Examine, NothingInAHealthyCluster) { EXPECT_THAT(examine(healthy()), IsEmpty()); }
TEST(Examine, NothingInNothing) { EXPECT_THAT(examine({}), IsEmpty()); }

struct Case {
  const char* situation;
  std::function<void(ClusterState&)> make;
  const char* name;
  Severity severity;
  const char* where;
  const char* evidence;  // part of it
};

class Situation : public testing::TestWithParam<Case> {};

TEST_P(Situation, IsNamedWithEvidenceAndRemedy) {
  auto cluster = healthy();
  GetParam().make(cluster);
  const auto findings = examine(cluster);
  ASSERT_THAT(names(findings), ElementsAre(GetParam().name));
  EXPECT_EQ(findings[0].severity, GetParam().severity);
  EXPECT_EQ(findings[0].where, GetParam().where);
  EXPECT_THAT(findings[0].evidence, HasSubstr(GetParam().evidence));
  EXPECT_FALSE(findings[0].remedy.empty());
}

constexpr auto kBlocker = Severity::kBlocker;
constexpr auto kWarning = Severity::kWarning;
using State = ClusterState;

INSTANTIATE_TEST_SUITE_P(
    Examine, Situation,
    testing::Values(
        Case{"NodeWasNeverIntroduced",
             [](State& c) {
               c.nodes.push_back(node("d", "", 4));
               c.nodes[3].view.nodes = {line_of(c.nodes[3])};
             },
             "ForeignNode", kBlocker, "d", "no other node knows it"},
        Case{"GossipKnowsANodeWithoutPod",
             [](State& c) {
               for (auto& n : c.nodes) n.view.nodes.push_back(line_of(node("ghost", "", 9)));
             },
             "MissingNode", kBlocker, "node ghost-id", "10.0.0.9 port 6379"},
        Case{"TheMissingNodeIsDeadAndEmpty",
             [](State& c) {
               auto ghost = line_of(node("ghost", "", 9));
               ghost.fail = true;
               for (auto& n : c.nodes) n.view.nodes.push_back(ghost);
             },
             "MissingNode", kWarning, "node ghost-id", "failed"},
        Case{"OneSuspectsAnother", [](State& c) { seen_by(c, 0, 1).pfail = true; }, "NodeFailing", kBlocker,
             "b", "PFAIL by a"},
        Case{"ANodeFailed", [](State& c) { seen_by(c, 0, 1).fail = seen_by(c, 2, 1).fail = true; },
             "NodeFailing", kBlocker, "b", "FAIL by a, c"},
        Case{"ANodeLoads", [](State& c) { c.nodes[1].loading = true; }, "Loading", kBlocker, "b", "disk"},
        Case{"StateIsFail", [](State& c) { c.nodes[1].cluster_state_ok = false; }, "ClusterStateNotOk",
             kBlocker, "b", "b"},
        Case{"NobodyOwnsASlot",
             [](State& c) {
               c.nodes[0].slots = slots("0-8000");
               gossip(c);
             },
             "SlotsUnassigned", kBlocker, "", "191 slots without an owner: 8001-8191"},
        Case{"TwoNodesNameEachOtherAsTheOwnerOfASlot",
             [](State& c) {
               c.nodes[0].slots = slots("0-8190");
               seen_by(c, 0, 0).slots = slots("0-8190");
               seen_by(c, 0, 1).slots = slots("8191-16383");
             },
             "ViewsDisagree", kBlocker, "b, c", "slot 8191 belongs to b for a, to a for b"},
        Case{"ViewsOfOwnersDiffer",
             [](State& c) {
               seen_by(c, 2, 0).slots = slots("0-8190");
               seen_by(c, 2, 1).slots = slots("8191-16383");
             },
             "ViewsDisagree", kBlocker, "c", "slot 8191 belongs to a for a, to b for c"},
        Case{"RolesDiffer", [](State& c) { seen_by(c, 1, 2).primary = "b-id"; }, "ViewsDisagree", kBlocker,
             "c", "replica of a, but not for b"},
        Case{"EpochsAreEqual", [](State& c) { c.nodes[1].my_epoch = 1; }, "EqualConfigEpochs", kBlocker,
             "a, b", "config epoch 1"},
        Case{"APrimaryLeftASlotOpen",
             [](State& c) { c.nodes[0].view.open = {{93, OpenSlot::Direction::kMigrating, "b-id"}}; },
             "OpenSlots", kBlocker, "a", "93 migrating to b"},
        Case{"AReplicaKeptAMark",
             [](State& c) { c.nodes[2].view.open = {{93, OpenSlot::Direction::kImporting, "b-id"}}; },
             "ReplicaOpenSlots", kWarning, "c", "93 importing from b"},
        Case{"SomebodyMigratesAtomically", [](State& c) { c.nodes[0].atomic_tasks = 1; }, "ForeignMigration",
             kBlocker, "a", "1 atomic slot migration under way"},
        Case{"AnAddressIsStale", [](State& c) { seen_by(c, 0, 1).host = "10.9.9.9"; },
             "AnnouncedAddressDiffers", kWarning, "b",
             "a has it at 10.9.9.9 port 6379, its pod is at 10.0.0.2 port 6379"},
        Case{"AnAddressIsAnotherPodsNow", [](State& c) { seen_by(c, 0, 1).host = "10.0.0.3"; },
             "AnnouncedAddressDiffers", kBlocker, "b", "that is c now"},
        Case{"AReplicaLostItsLink", [](State& c) { c.nodes[2].primary_link_up = false; }, "ReplicaNotInSync",
             kWarning, "c", "link to a is down"},
        Case{"AReplicaIsFarBehind", [](State& c) { c.nodes[0].replication_offset = 11 * kMiB; },
             "ReplicaNotInSync", kWarning, "c", "11"},
        Case{"DataIsInOneMemoryOnly", [](State& c) { c.nodes[1].aof_enabled = false; },
             "NoReplicaNoPersistence", kWarning, "b", "no replica"},
        Case{"VersionsDiffer", [](State& c) { c.nodes[1].version.major = 8; }, "MixedVersions", kWarning, "",
             "Redis 7.0 on a, c, Redis 8.0 on b"},
        Case{"NoMaxmemory", [](State& c) { c.nodes[1].memory.maxmemory = 0; }, "MaxmemoryUnset", kWarning,
             "b", "limit"},
        Case{"ItWouldEvict", [](State& c) { c.nodes[1].maxmemory_policy = "allkeys-lru"; },
             "EvictionPossible", kWarning, "b (allkeys-lru)", "removes keys"}),
    [](const auto& test) { return std::string(test.param.situation); });

TEST(Examine, PodsOfTwoClustersAreNamedApart) {
  auto cluster = healthy();
  auto other = healthy();
  for (auto* half : {&cluster, &other}) half->nodes.resize(half == &cluster ? 3 : 1);
  other.nodes[0].id = "z-id";
  other.nodes[0].pod = "z";
  gossip(other);
  cluster.nodes.push_back(other.nodes[0]);
  const auto findings = examine(cluster);
  EXPECT_EQ(findings.at(0).name, "ForeignNode");
  EXPECT_EQ(findings.at(0).where, "z");
  EXPECT_THAT(findings.at(0).evidence, HasSubstr("another cluster (8192 slots) than a"));
}

TEST(Examine, ASlotThatTwoClaimIsNamedWithBoth) {
  auto cluster = healthy();
  cluster.nodes[1].slots.add(SlotRange{100, 102});
  const auto findings = examine(cluster);
  ASSERT_THAT(names(findings), ElementsAre("SlotsOwnedTwice"));
  EXPECT_EQ(findings[0].where, "a, b");
  EXPECT_THAT(findings[0].evidence, HasSubstr("100-102"));
}

TEST(Examine, PatchVersionsMayDiffer) {
  auto cluster = healthy();
  cluster.nodes[1].version.patch = 16;
  EXPECT_THAT(examine(cluster), IsEmpty());
}

}  // namespace
}  // namespace rebalance
