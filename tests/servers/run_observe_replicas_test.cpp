// Observing on real servers: a replica that falls behind its primary or loses it, after a move.
#include "servers/observe_rig.h"

namespace rebalance {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

constexpr int kPrimary = 2, kReplica = 6;  // no slot of theirs moves, so that nobody probes them

rig::ClusterOptions with_replicas() {
  auto options = with_debug();
  options.replicas = 1;
  return options;
}

// A client that writes some megabytes a second to a server, the same few keys again and again. A server reads
// values of 32 KiB and more at once, others in small pieces: one for each turn of its loop.
class Flood {
 public:
  explicit Flood(const rig::Server& server)
      : thread_([&server](const std::stop_token& stop) {
          auto client = server.connect();
          std::vector<rig::Arguments> turn;  // MOVED where a slot is another's
          for (int i = 0; i < 100; i++)
            turn.push_back({"SET", "flood:" + std::to_string(i), std::string(8000, 'x')});
          while (!stop.stop_requested()) {
            client.pipeline(turn);
            rig::nap(rig::Milliseconds(50));
          }
        }) {}

 private:
  std::jthread thread_;
};

long long offset_of(const rig::TestCluster& cluster, int node, const char* which) {
  return std::stoll(rig::info_field(cluster.command(node, {"INFO", "replication"}).text, which));
}
// The replica's word first, so that what is written meanwhile makes it no smaller than it was.
long long bytes_behind(const rig::TestCluster& cluster) {
  const auto replica = offset_of(cluster, kReplica, "slave_repl_offset");
  return offset_of(cluster, kPrimary, "master_repl_offset") - replica;
}

class ObservingReplicas : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Run, ObservingReplicas, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(ObservingReplicas, TellsThatOneFallsBehindAndThatItHasCaughtUp) {
  Watched watched(30, GetParam().name, with_replicas());
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  const Flood flood(watched.cluster->node(kPrimary));
  {
    const Busy busy(watched.cluster->node(kReplica), 250), busier(watched.cluster->node(kReplica), 250);
    ASSERT_TRUE(watched.says(kWorse)) << watched.program->said();
    EXPECT_GT(bytes_behind(*watched.cluster), 1 << 20);
  }
  EXPECT_TRUE(watched.says(kCalm, 2)) << watched.program->said();
  EXPECT_THAT(watched.program->said(),
              ContainsRegex(R"(redis-6 is [0-9.]+Mi behind its primary, where it was .* before)"
                            R"( \(safety.maxReplicaLagBytes is 1.0Mi\))"));
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
  EXPECT_EQ(times(watched.program->said(), kWorse), 1) << watched.program->said();
}

// Its primary does not know the password that it now comes with.
TEST_P(ObservingReplicas, TellsThatOneHasLostItsPrimaryAndThatItFollowsAgain) {
  Watched watched(20, GetParam().name, with_replicas());
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  auto client = watched.cluster->node(kReplica).connect();
  client.must({"CONFIG", "SET", "masterauth", "unknown"});
  client.must({"CLIENT", "KILL", "TYPE", "MASTER"});
  ASSERT_TRUE(watched.says(kWorse)) << watched.program->said();
  EXPECT_THAT(watched.program->said(), HasSubstr("redis-6 has lost its primary, whom it followed before"));
  client.must({"CONFIG", "SET", "masterauth", ""});
  EXPECT_TRUE(watched.says(kCalm, 2)) << watched.program->said();
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
  EXPECT_EQ(times(watched.program->said(), kWorse), 1) << watched.program->said();
}

// SIGSTOP: it answers nobody for a while that is shorter than what nodes may take to agree.
TEST_P(ObservingReplicas, TellsThatOneDoesNotAnswerAndGoesOnOnceItDoes) {
  Watched watched(20, GetParam().name, with_replicas());
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  watched.cluster->node(kReplica).pause();
  EXPECT_TRUE(watched.says("Observing (Converging): redis-6: ")) << watched.program->said();
  watched.cluster->node(kReplica).resume();
  EXPECT_TRUE(watched.says(kCalm, 2)) << watched.program->said();
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
}

}  // namespace
}  // namespace rebalance
