#include "model/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "model/convergence.h"

namespace rebalance {
namespace {

using testing::IsEmpty;
using State = ClusterState;

constexpr auto kBlocker = Severity::kBlocker;
constexpr auto kWarning = Severity::kWarning;

NodeState node(const char* name, int port) {
  NodeState state;
  state.id = std::string(name) + "-id";
  state.pod = name;
  state.host = "10.0.0.1";
  state.port = port;
  state.memory.used = 3 * kGiB;
  state.save_points = true;
  return state;
}

// a and b are primaries, c is a's replica.
State quiet() {
  State cluster;
  cluster.nodes = {node("a", 1), node("b", 2), node("c", 3)};
  cluster.nodes[0].replicas = {{"10.0.0.1", 3, true, 0}};
  cluster.nodes[2].role = Role::kReplica;
  cluster.nodes[2].primary = "a-id";
  return cluster;
}

struct Case {
  const char* situation;
  std::function<void(State&)> make;
  Finding expected;  // without its remedy
};

class Readiness : public testing::TestWithParam<Case> {};

TEST_P(Readiness, IsNamedWithEvidenceAndRemedy) {
  auto cluster = quiet();
  GetParam().make(cluster);
  auto findings = examine_readiness(cluster);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_FALSE(findings[0].remedy.empty());
  findings[0].remedy = "";
  EXPECT_EQ(findings[0], GetParam().expected) << findings[0].where << ": " << findings[0].evidence;
}

void takes_over(NodeState& node, std::int64_t replicated, std::int64_t bytes_per_second,
                std::int64_t link_seconds) {
  node.replication.since_takeover = replicated;
  node.replication.bytes_per_second = bytes_per_second;
  node.replication.link_seconds = link_seconds;
}

const char* const kTimeout =
    "cluster-node-timeout is 5000 ms: others may call a server dead that is busy for so long while slots "
    "move, and fail over";
const char* const kMisconf = "it answers MISCONF to every write: its last ";

INSTANTIATE_TEST_SUITE_P(
    Model, Readiness,
    testing::Values(
        Case{"AllHaveAShortTimeout",
             [](State& c) {
               for (auto& n : c.nodes) n.cluster_node_timeout_millis = 5000;
             },
             {kWarning, "NodeTimeoutShort", "", kTimeout, ""}},
        Case{"SomeHaveAShortTimeout",
             [](State& c) {
               c.nodes[0].cluster_node_timeout_millis = c.nodes[2].cluster_node_timeout_millis = 5000;
               c.nodes[1].cluster_node_timeout_millis = 15000;
             },
             {kWarning, "NodeTimeoutShort", "a, c", kTimeout, ""}},
        Case{
            "AServerSaves",
            [](State& c) {
              c.nodes[1].persistence = {.child = "an RDB file", .child_seconds = 12};
              c.nodes[1].memory.last_cow = 3 * kMiB;
            },
            {kWarning, "SaveUnderWay", "b",
             "its child process writes an RDB file, for 12 s so far; the last one copied 3.0Mi of its memory",
             ""}},
        Case{"AServerHasJustForkedForTheFirstTime",
             [](State& c) { c.nodes[1].persistence.child = "a new AOF"; },
             {kWarning, "SaveUnderWay", "b", "its child process writes a new AOF", ""}},
        Case{"AReplicaIsNotOnline",
             [](State& c) {
               c.nodes[0].replicas[0].online = false;
               c.nodes[2].replication.full_sync = true;
             },
             {kWarning, "FullSyncUnderWay", "a", "c loads a full copy of its 3.0Gi", ""}},
        Case{"OnlyTheReplicaKnows",
             [](State& c) { c.nodes[2].replication.full_sync = true; },
             {kWarning, "FullSyncUnderWay", "a", "c loads a full copy of its 3.0Gi", ""}},
        Case{"TheReplicaHasAnAnnouncedAddress",
             [](State& c) {
               c.nodes[2].announced_host = "1.2.3.4", c.nodes[2].announced_port = 7;
               c.nodes[0].replicas[0] = {"1.2.3.4", 7, false, 0};
             },
             {kWarning, "FullSyncUnderWay", "a", "c loads a full copy of its 3.0Gi", ""}},
        Case{"AStrangerLoadsToo",
             [](State& c) {
               c.nodes[0].replicas[0].online = false;
               c.nodes[0].replicas.push_back({"10.9.9.9", 6379, false, 0});
             },
             {kWarning, "FullSyncUnderWay", "a", "c, 10.9.9.9 port 6379 load a full copy of its 3.0Gi", ""}},
        Case{"TheAofCannotBeWritten",
             [](State& c) {
               c.nodes[0].aof_enabled = true;
               c.nodes[0].persistence = {.aof_write_failed = true, .aof_size = 5 * kGiB};
             },
             {kBlocker, "WritesRefused", "a",
              std::string(kMisconf) +
                  "write to the AOF failed (aof_last_write_status is err; the AOF has 5.0Gi)",
              ""}},
        Case{"TheLastSaveFailed",
             [](State& c) { c.nodes[0].persistence.save_failed = true; },
             {kBlocker, "WritesRefused", "a",
              std::string(kMisconf) + "save failed (rdb_last_bgsave_status is err, and "
                                      "stop-writes-on-bgsave-error is yes)",
              ""}},
        Case{"APrimaryTookOver",
             [](State& c) { takes_over(c.nodes[0], 12 * kKiB, 300, -1); },
             {kWarning, "RecentFailover", "a",
              "took over as primary about 41 s ago (12.0Ki replicated since)", ""}},
        Case{"ItsLinksTellMore",
             [](State& c) { takes_over(c.nodes[0], 12 * kKiB, 300, 240); },
             {kWarning, "RecentFailover", "a",
              "took over as primary about 4 min ago (12.0Ki replicated since)", ""}},
        Case{"AnIdleOneTookOver",
             [](State& c) { takes_over(c.nodes[0], 56, 0, 40); },
             {kWarning, "RecentFailover", "a",
              "took over as primary about 40 s ago (56 bytes replicated since)", ""}}),
    [](const auto& test) { return test.param.situation; });

struct Quiet {
  const char* situation;
  std::function<void(State&)> make;
};
class NothingToSay : public testing::TestWithParam<Quiet> {};

TEST_P(NothingToSay, IsFound) {
  auto cluster = quiet();
  GetParam().make(cluster);
  EXPECT_THAT(examine_readiness(cluster), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Model, NothingToSay,
    testing::Values(
        Quiet{"OfAQuietCluster", [](State&) {}},
        Quiet{"OfAFailedSaveThatStopsNothing",
              [](State& c) { c.nodes[0].persistence = {.save_failed = true, .stops_writes = false}; }},
        Quiet{"OfAFailedSaveWithoutSavePoints",
              [](State& c) {
                c.nodes[0].save_points = false;
                c.nodes[0].persistence.save_failed = true;
              }},
        Quiet{"OfAReplicasFailedSave", [](State& c) { c.nodes[2].persistence.save_failed = true; }},
        Quiet{"OfAnAofThatIsOff", [](State& c) { c.nodes[0].persistence.aof_write_failed = true; }},
        Quiet{"OfAFailoverLongAgo", [](State& c) { takes_over(c.nodes[0], 10 * kMiB, 300, -1); }},
        Quiet{"OfAFailoverLongAgoInABurst", [](State& c) { takes_over(c.nodes[0], 10 * kKiB, 5000, 700); }},
        Quiet{"OfAnIdleOneThatTookOverLongAgo", [](State& c) { takes_over(c.nodes[0], 840, 0, 5); }},
        Quiet{"OfOneThatHasNoReplicaToTellBy", [](State& c) { takes_over(c.nodes[1], 0, 0, -1); }}),
    [](const auto& test) { return test.param.situation; });

TEST(Examine, TellsOfReadinessToo) {
  auto cluster = quiet();
  cluster.nodes[1].persistence.child = "an RDB file";
  const auto findings = examine(cluster);
  EXPECT_THAT(findings, testing::Contains(testing::Field(&Finding::name, "SaveUnderWay")));
}

}  // namespace
}  // namespace rebalance
