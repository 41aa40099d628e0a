// What `check` says of the servers of a plan: pairs, load, replicas, and whose pods they are.
#include <nlohmann/json.hpp>
#include <thread>

#include "servers/cli_rig.h"

namespace rebalance {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

class CheckRows : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    rig::ClusterOptions options;
    options.replicas = 1;
    cluster = lopsided(options, GetParam(), 1);
    fill_well(*cluster);
    rig::write_manifests(folder.path(), *cluster, {.goal = kBalance});
  }

  std::vector<Json> rows(const std::string& name) {
    const auto finished = program("check", folder.path(), {"-o", "json"});
    EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
    const auto report = Json::parse(finished.out);
    std::vector<Json> found;
    for (const auto& finding : report["findings"]) {
      if (finding["name"] == name) found.push_back(finding);
    }
    return found;
  }

  std::unique_ptr<rig::TestCluster> cluster;
  rig::TempFolder folder;
};
INSTANTIATE_TEST_SUITE_P(Versions, CheckRows, testing::Values("r70", "v91"));

TEST_P(CheckRows, EachPairHasItsBytesAndRoundTrips) {
  const auto pairs = rows("Pair");
  ASSERT_EQ(pairs.size(), 3U);
  for (const auto& pair : pairs) {
    EXPECT_EQ(pair["result"], "ok");
    EXPECT_THAT(pair["where"].get<std::string>(), testing::MatchesRegex("redis-[012] to redis-3"));
    EXPECT_THAT(pair["evidence"].get<std::string>(),
                testing::MatchesRegex(
                    "[0-9,]+ slots, .*Mi in [0-9]+ batch(es)?; round trips [0-9.]+ ms and [0-9.]+ ms"));
  }
}

TEST_P(CheckRows, TheBacklogOfTheTargetIsOneWarning) {
  cluster->command(3, {"CONFIG", "SET", "repl-backlog-size", "1mb"});  // Valkey has ten
  const auto small = rows("BacklogSmall");
  ASSERT_EQ(small.size(), 1U);
  EXPECT_EQ(small[0]["result"], "warning");
  EXPECT_EQ(small[0]["where"], "redis-3");
  EXPECT_THAT(small[0]["evidence"].get<std::string>(), HasSubstr("repl-backlog-size is 1.0Mi"));
  cluster->command(3, {"CONFIG", "SET", "repl-backlog-size", "256mb"});
  EXPECT_TRUE(rows("BacklogSmall").empty());
}

TEST_P(CheckRows, TheBusiestServerIsTheFirstRowOfLoad) {
  const std::jthread busy([server = &cluster->node(1)](const std::stop_token& stop) {
    auto client = server->connect();
    while (!stop.stop_requested()) client.must({"EVAL", "for i = 1, 1000000 do end return 1", "0"});
  });
  const auto loads = rows("Load");
  ASSERT_EQ(loads.size(), 4U) << "three sources and a target, no replica";
  EXPECT_EQ(loads[0]["where"], "redis-1");
  EXPECT_THAT(loads[0]["evidence"].get<std::string>(),
              testing::MatchesRegex("[0-9]+ operations a second, [1-9][0-9]* % of a processor"));
}

TEST_P(CheckRows, ThePodsOfAnotherOperatorAreNamed) {
  EXPECT_TRUE(rows("OtherOperator").empty());
  replace_in(folder.path() / "pods.yaml", "app: redis-cluster", "redis_setup_type: cluster");
  replace_in(folder.path() / "rebalance.yaml", "app: redis-cluster", "redis_setup_type: cluster");
  const auto other = rows("OtherOperator");
  ASSERT_EQ(other.size(), 1U);
  EXPECT_THAT(other[0]["evidence"].get<std::string>(),
              AllOf(HasSubstr("8 of 8 pods"), HasSubstr("OT-CONTAINER-KIT")));
}

}  // namespace
}  // namespace rebalance
