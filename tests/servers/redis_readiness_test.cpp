// What real servers say when it is a bad moment to move slots.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "redis/observe.h"
#include "redis_support.h"

namespace rebalance {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

class ReadinessObservation : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  static auto named(const char* name) { return Contains(Field(&Finding::name, name)); }

  static std::vector<Finding> found(const rig::TestCluster& cluster) {
    return observe_cluster(accesses_to(cluster)).findings;
  }

  // Until INFO of the node says so.
  static bool comes_to(const rig::TestCluster& cluster, int node, const std::string& line,
                       rig::Milliseconds limit = rig::Milliseconds(20'000)) {
    const auto says = [&] {
      return cluster.command(node, {"INFO"}).text.find(line + "\r\n") != std::string::npos;
    };
    return rig::wait_until(says, limit);
  }

  // A child of this node takes a fifth of a second for each of ten keys.
  static void slow_saves(const rig::TestCluster& cluster, int node) {
    for (int i = 0; i < 10; ++i)
      cluster.command(node, {"SET", "{" + key_of(cluster, node) + "}" + std::to_string(i), "x"});
    cluster.command(node, {"CONFIG", "SET", "rdb-key-save-delay", "200000"});
  }

  // One that this node owns.
  static std::string key_of(const rig::TestCluster& cluster, int node) {
    const auto owners = cluster.owners();
    for (int i = 0; i < 1000; ++i) {
      auto key = "k" + std::to_string(i);
      if (owners[static_cast<std::size_t>(rig::key_slot(key))] == node) return key;
    }
    throw std::runtime_error("the node owns nothing");
  }
};
INSTANTIATE_TEST_SUITE_P(Versions, ReadinessObservation, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(ReadinessObservation, AShortNodeTimeoutIsSaidOnce) {
  const rig::TestCluster cluster(GetParam(), {.primaries = 3});
  const auto findings = found(cluster);
  EXPECT_EQ(std::ranges::count(findings, "NodeTimeoutShort", &Finding::name), 1);
  EXPECT_THAT(findings, Contains(AllOf(Field(&Finding::where, ""),
                                       Field(&Finding::evidence, HasSubstr("timeout is 5000 ms")))));
  for (int i = 0; i < 3; ++i) cluster.command(i, {"CONFIG", "SET", "cluster-node-timeout", "15000"});
  EXPECT_THAT(found(cluster), Not(named("NodeTimeoutShort")));
}

TEST_P(ReadinessObservation, ASaveIsSaidWhileItRuns) {
  const rig::TestCluster cluster(GetParam(), {.primaries = 1});
  slow_saves(cluster, 0);
  EXPECT_THAT(found(cluster), Not(named("SaveUnderWay")));
  cluster.command(0, {"BGSAVE"});
  EXPECT_THAT(found(cluster),
              Contains(AllOf(Field(&Finding::name, "SaveUnderWay"), Field(&Finding::where, "pod-0"),
                             Field(&Finding::evidence, HasSubstr("writes an RDB file")))));
  ASSERT_TRUE(comes_to(cluster, 0, "rdb_bgsave_in_progress:0"));
  EXPECT_THAT(found(cluster), Not(named("SaveUnderWay")));
}

TEST_P(ReadinessObservation, AReplicaThatLoadsItsCopyIsSaidWithItsPrimary) {
  rig::TestCluster cluster(GetParam(), {.primaries = 1, .replicas = 1});
  const auto quiet = [&] {
    return std::ranges::count(found(cluster), "FullSyncUnderWay", &Finding::name) == 0;
  };
  ASSERT_TRUE(rig::wait_until(quiet, rig::Milliseconds(20'000))) << "its first copy";
  slow_saves(cluster, 0);
  cluster.node(1).kill_hard();
  std::filesystem::remove(cluster.node(1).folder() / "dump.rdb");
  cluster.node(1).restart();  // it comes back empty
  ASSERT_TRUE(comes_to(cluster, 0, "rdb_bgsave_in_progress:1"));
  EXPECT_THAT(found(cluster),
              Contains(AllOf(Field(&Finding::name, "FullSyncUnderWay"), Field(&Finding::where, "pod-0"),
                             Field(&Finding::evidence, HasSubstr("pod-1 loads a full copy")))));
  EXPECT_TRUE(rig::wait_until(quiet, rig::Milliseconds(20'000)));
}

// The disk cannot be filled here: what the save would be called is a folder instead.
TEST_P(ReadinessObservation, AServerThatCouldNotSaveRefusesWritesAndIsABlocker) {
  rig::ClusterOptions options{.primaries = 1};
  options.server.config = {"save 3600 100000"};
  const rig::TestCluster cluster(GetParam(), options);
  const auto file = cluster.node(0).folder() / "dump.rdb";
  std::filesystem::create_directory(file);
  cluster.command(0, {"BGSAVE"});
  ASSERT_TRUE(comes_to(cluster, 0, "rdb_last_bgsave_status:err"));
  EXPECT_THAT(cluster.node(0).connect().command({"SET", "k", "v"}).text, HasSubstr("MISCONF"));
  EXPECT_THAT(found(cluster),
              Contains(AllOf(Field(&Finding::name, "WritesRefused"), Field(&Finding::where, "pod-0"),
                             Field(&Finding::severity, Severity::kBlocker))));

  cluster.command(0, {"CONFIG", "SET", "stop-writes-on-bgsave-error", "no"});
  EXPECT_THAT(found(cluster), Not(named("WritesRefused")));
  cluster.command(0, {"CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"});
  std::filesystem::remove(file);
  cluster.command(0, {"BGSAVE"});
  ASSERT_TRUE(comes_to(cluster, 0, "rdb_last_bgsave_status:ok"));
  EXPECT_THAT(found(cluster), Not(named("WritesRefused")));
}

TEST_P(ReadinessObservation, AFailoverIsSaidUntilMuchWasReplicated) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .replicas = 1});
  EXPECT_THAT(found(cluster), Not(named("RecentFailover")));
  const int replica = 3;
  // Redis 6.0 lets nobody take over from a primary whose replication offset is 0.
  cluster.command(0, {"SET", key_of(cluster, 0), "x"});
  bool primary = false;  // servers give a failover up that takes five seconds, as on a busy machine
  for (int tries = 0; tries < 5 && !primary; ++tries) {
    cluster.command(replica, {"CLUSTER", "FAILOVER"});
    primary = comes_to(cluster, replica, "role:master", rig::Milliseconds(6'000));
  }
  ASSERT_TRUE(primary);
  cluster.wait_until_agreed();
  EXPECT_THAT(found(cluster),
              Contains(AllOf(Field(&Finding::name, "RecentFailover"), Field(&Finding::where, "pod-3"),
                             Field(&Finding::severity, Severity::kWarning),
                             Field(&Finding::evidence, HasSubstr("took over as primary about")))));

  // As much as an hour's PINGs. For a moment its pace is that of a busy server.
  cluster.command(replica, {"SET", key_of(cluster, replica), std::string(5040, 'x')});
  const auto forgotten = [&] {
    return std::ranges::count(found(cluster), "RecentFailover", &Finding::name) == 0;
  };
  EXPECT_TRUE(rig::wait_until(forgotten, rig::Milliseconds(20'000)));
}

TEST_P(ReadinessObservation, ReadsWhatReplicasAreKeptForAndHowFarItIs) {
  rig::ClusterOptions options{.primaries = 2, .replicas = 1};
  options.server.config = {"repl-backlog-size 3mb", "client-output-buffer-limit replica 32mb 16mb 7",
                           "cluster-migration-barrier 2", "cluster-require-full-coverage no"};
  const rig::TestCluster cluster(GetParam(), options);
  const auto seen = observe_cluster(accesses_to(cluster));
  const auto* primary = seen.find(cluster.node_id(0));
  ASSERT_NE(primary, nullptr);
  EXPECT_EQ(primary->replication.backlog, 3 * kMiB);
  EXPECT_EQ(primary->replication.hard_buffer, 32 * kMiB);
  EXPECT_EQ(primary->replication.soft_buffer, 16 * kMiB);
  EXPECT_EQ(primary->replication.soft_seconds, 7);
  EXPECT_GE(primary->replication.link_seconds, 0);
  EXPECT_EQ(primary->migration_barrier, 2);
  EXPECT_FALSE(primary->full_coverage);
  EXPECT_GT(primary->round_trip_micros, 0);
  EXPECT_LT(primary->round_trip_micros, 1'000'000);
}

}  // namespace
}  // namespace rebalance
