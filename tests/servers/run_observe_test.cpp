// Observing on real servers: what is worse than before the move is told while it lasts, and no longer.
#include "servers/observe_rig.h"

namespace rebalance {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Observing : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Run, Observing, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Observing, OfACalmClusterEndsWellAfterItsTime) {
  Watched watched(10, GetParam().name);
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  const auto since = std::chrono::steady_clock::now();
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
  EXPECT_GE(std::chrono::steady_clock::now() - since, std::chrono::seconds(8));
  EXPECT_THAT(watched.program->said(), Not(HasSubstr("WorseThanBefore")));
  EXPECT_EQ(watched.cluster->slots_of(0), 0);
  expect_clean(*watched.cluster);
}

TEST_P(Observing, TellsThatAServerAnswersLateAndThatThisHasPassed) {
  Watched watched(40, GetParam().name);
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  {
    const Busy busy(watched.cluster->node(3), 1000);
    ASSERT_TRUE(watched.says(kWorse)) << watched.program->said();
    EXPECT_THAT(watched.program->said(), HasSubstr("redis-3 answers probes in "));
  }
  EXPECT_TRUE(watched.says(kCalm, 2)) << watched.program->said();
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
  EXPECT_EQ(times(watched.program->said(), kWorse), 1) << watched.program->said();
}

TEST_P(Observing, EndsWithoutASafeWordWhereItDoesNotPass) {
  Watched watched(10, GetParam().name);
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  const Busy busy(watched.cluster->node(3), 1000);
  EXPECT_EQ(watched.program->exit_code(), kFailed) << watched.program->said();
  EXPECT_THAT(watched.program->said(), HasSubstr("WorseThanBefore"));
  EXPECT_EQ(watched.cluster->slots_of(0), 0) << "all slots have moved all the same";
}

// A server whose clients are more than it takes turns the next ones away.
TEST_P(Observing, TellsThatConnectionsAreRejected) {
  Watched watched(40, GetParam().name);
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  const auto& server = watched.cluster->node(2);
  auto client = server.connect();
  client.must({"CONFIG", "SET", "maxclients", "1"});
  for (int i = 0; i < 20; i++) {
    try {
      server.connect().must({"PING"});
    } catch (const std::exception&) {  // as it should be
    }
  }
  client.must({"CONFIG", "SET", "maxclients", "10000"});
  ASSERT_TRUE(watched.says(kWorse)) << watched.program->said();
  EXPECT_THAT(watched.program->said(), HasSubstr("redis-2 rejected connections: "));
  EXPECT_TRUE(watched.says(kCalm, 2)) << watched.program->said();
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
}

// Its data outgrows what it may hold, and is evicted.
TEST_P(Observing, TellsThatKeysAreEvicted) {
  Watched watched(20, GetParam().name);
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  auto client = watched.cluster->node(2).connect();
  client.must({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  client.must({"CONFIG", "SET", "maxmemory", "2mb"});
  ASSERT_TRUE(watched.says(kWorse)) << watched.program->said();
  EXPECT_THAT(watched.program->said(), HasSubstr("redis-2 evicted keys: "));
  client.must({"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(watched.says(kCalm, 2)) << watched.program->said();
  EXPECT_EQ(watched.program->exit_code(), kDone) << watched.program->said();
}

// Clients go on writing to it, and a server gives memory back late: no word of safety in the end.
TEST_P(Observing, TellsThatAReceiverHoldsMoreThanWasExpected) {
  Watched watched(10, GetParam().name);
  ASSERT_TRUE(watched.says(kCalm)) << watched.program->said();
  auto client = watched.cluster->node(3).connect();
  for (int i = 0; i < 120; i++)  // MOVED where a slot is another's
    client.command({"SET", "flood:" + std::to_string(i), std::string(1'000'000, 'x')});
  ASSERT_TRUE(watched.says(kWorse)) << watched.program->said();
  EXPECT_EQ(watched.program->exit_code(), kFailed) << watched.program->said();
  EXPECT_THAT(watched.program->said(),
              AllOf(HasSubstr("redis-3 stands at "), HasSubstr("above the plan's prediction of ")));
}

}  // namespace
}  // namespace rebalance
