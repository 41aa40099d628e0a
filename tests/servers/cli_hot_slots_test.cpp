// Hot slots by operations, as each version tells them.
#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kHotKey = "{hot}key";

bool counts_operations(const rig::ServerVersion& version) {
  return version.is_valkey() || version.at_least(8, 2);
}

// Four seconds of commands to one key: long ones with short answers, so that they are the server's time.
void make_hot(rig::TestCluster& cluster, int owner) {
  auto client = cluster.node(owner).connect();
  for (int i = 0; i < 200; i++) {
    std::vector<std::string> push{"RPUSH", kHotKey};
    for (int n = 0; n < 100; n++) push.push_back(std::to_string(n * 7919 % 1009));
    client.must(push);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  while (std::chrono::steady_clock::now() < until) client.must({"SORT", kHotKey, "LIMIT", "0", "1"});
}

// A Move of the hot slot with its neighbours, planned over servers with this configuration.
struct Planned {
  Planned(const rig::ServerVersion& version, std::vector<std::string> config) {
    rig::ClusterOptions options;
    options.server.config = std::move(config);
    cluster = lopsided(options, version.name);
    slot = static_cast<int>(cluster->command(0, {"CLUSTER", "KEYSLOT", kHotKey}).integer);
    make_hot(*cluster, cluster->owners()[static_cast<std::size_t>(slot)]);
    work = std::make_unique<Work>(*cluster);
    aim("");
  }
  void aim(const std::string& more) {
    work->aim(move_of(std::to_string(slot - 1) + "-" + std::to_string(slot + 1), "redis-3"), more);
  }
  std::string says(const std::string& command) const {
    const auto finished = rig::run({PROGRAM, command, "-f", work->manifests().string()});
    return finished.out + finished.err;
  }
  std::unique_ptr<rig::TestCluster> cluster;
  std::unique_ptr<Work> work;
  int slot = 0;
};

class HotSlots : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Cli, HotSlots, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

std::vector<rig::ServerVersion> that_count() {
  auto versions = rig::installed_versions();
  std::erase_if(versions, [](const auto& version) { return !counts_operations(version); });
  return versions;
}
class HotSlotsByOperations : public HotSlots {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HotSlotsByOperations);
INSTANTIATE_TEST_SUITE_P(Cli, HotSlotsByOperations, testing::ValuesIn(that_count()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(HotSlotsByOperations, AreFoundWhereTheServerTells) {
  const Planned planned(GetParam(), {"cluster-slot-stats-enabled yes"});
  const auto hot = "slot " + std::to_string(planned.slot) + ": its commands take ";
  const auto said = planned.says("check");
  EXPECT_THAT(said, AllOf(HasSubstr("HotSlot"), HasSubstr(hot), Not(HasSubstr("judged by memory"))));
  if (const auto at = said.find(hot); at != std::string::npos)
    std::cout << said.substr(at, said.find('\n', at) - at) << "\n";
  const auto moved = planned.work->run();
  EXPECT_EQ(moved.exit_code, kDone) << moved.out;
  EXPECT_EQ(planned.cluster->slots_of(3), 3);
}

TEST_P(HotSlotsByOperations, StayWhereTheyAreIfTheSpecSaysSo) {
  Planned planned(GetParam(), {"cluster-slot-stats-enabled yes"});
  planned.aim("hotSlots: {action: SkipSlot}\n");
  const auto moved = planned.work->run();
  EXPECT_EQ(moved.exit_code, kDone) << moved.out;
  EXPECT_THAT(moved.out, AllOf(HasSubstr("SlotsSkipped"), HasSubstr("its commands take ")));
  EXPECT_EQ(planned.cluster->slots_of(3), 2);
  EXPECT_NE(planned.cluster->owner_of(planned.slot), 3);
}

TEST_P(HotSlots, AreJudgedByMemoryAloneWhereItDoesNotAndCheckSaysWhy) {
  const Planned planned(GetParam(), {});
  const auto why =
      counts_operations(GetParam()) ? "cluster-slot-stats-enabled is off" : "has no CLUSTER SLOT-STATS";
  EXPECT_THAT(planned.says("check"), AllOf(Not(HasSubstr("its commands take")),
                                           HasSubstr("judged by memory alone"), HasSubstr(why)));
}

}  // namespace
}  // namespace rebalance
