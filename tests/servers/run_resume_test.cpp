// Stopped, killed, started again: `run` goes on where it was.
#include <sys/mount.h>

#include <csignal>
#include <fstream>

#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class Stop : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, Stop, testing::Values(SIGINT, SIGTERM),
                         [](const auto& test) { return test.param == SIGINT ? "Interrupt" : "Terminate"; });

TEST_P(Stop, EndsSoonAndTheNextRunFinishes) {
  const auto cluster = lopsided();
  const auto before = rig::digest(cluster->seed());
  rig::Writer writer(cluster->seed(), {.operations_per_second = 300});
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  first->process().signal(GetParam());
  EXPECT_EQ(first->exit_code(rig::Milliseconds(15'000)), kStopped) << first->said();
  EXPECT_THAT(first->said(), HasSubstr("run again to continue"));
  EXPECT_LT(cluster->slots_of(3), 4000);  // it was in the middle

  const auto second = work.run();
  EXPECT_EQ(second.exit_code, kDone) << second.out;
  EXPECT_GT(cluster->slots_of(3), 3000);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_without(cluster->seed(), "writer:"));
}

// From 8.0 on a primary replicates its marks, and a replica that is away when they go keeps them (issue 998).
TEST(Resume, OnValkeyNoReplicaKeepsAMarkThatItsPrimaryHasNot) {
  rig::ClusterOptions options;
  options.replicas = 1;
  const auto cluster = lopsided(options, "v91");
  const auto marked = [&](int node) {
    return std::ranges::any_of(cluster->view_of(node), [](const auto& view) { return !view.open.empty(); });
  };
  const auto command = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"CLUSTER", "SETSLOT", "7"});
    return cluster->command(0, words).text;
  };
  ASSERT_EQ(command({"MIGRATING", cluster->node_id(1)}), "OK");
  int replica = cluster->primaries();
  ASSERT_TRUE(rig::wait_until(
      [&] {
        for (replica = cluster->primaries(); replica < cluster->size(); ++replica) {
          if (marked(replica)) return true;
        }
        return false;
      },
      rig::Milliseconds(5000)));
  cluster->node(replica).kill_hard();
  ASSERT_EQ(command({"STABLE"}), "OK");
  cluster->node(replica).restart();
  cluster->wait_until_agreed();
  ASSERT_TRUE(marked(replica));
  Work work(*cluster, kAtOnce + std::string("safety: {persistence: Ignore}\n"));
  work.aim("type: Balance");
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_FALSE(marked(replica));
  expect_clean(*cluster);
}

std::string hash_in(const std::string& text) {
  const std::string word = "--plan-hash ";
  const auto at = text.find(word);
  return at == std::string::npos ? "" : text.substr(at + word.size(), 16);
}

TEST(Resume, AnApprovedPlanIsStillApprovedAfterAKill) {
  const auto cluster = lopsided();
  Work work(*cluster, std::string(kAlone) + "approval: {mode: Manual}\n");
  work.aim("type: Balance", kSlowly);
  const auto asked = work.run();
  ASSERT_EQ(asked.exit_code, kAwaitsApproval) << asked.out;
  const auto hash = hash_in(asked.out);
  ASSERT_EQ(hash.size(), 16u) << asked.out;

  const auto approved = work.start({"--plan-hash", hash});
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << approved->said();
  approved->process().kill_hard();
  const auto resumed = work.run();
  EXPECT_EQ(resumed.exit_code, kDone) << resumed.out;
  EXPECT_THAT(resumed.out, HasSubstr("going on with plan " + hash));
  work.expect_nothing_left();
  expect_clean(*cluster);
}

TEST(StateFolder, ThatCannotBeUsedStopsBeforeAnythingMoves) {
  const auto cluster = lopsided();
  const rig::TempFolder folder;
  const auto file = folder.write("file", "not a folder");
  Work work(*cluster);
  work.aim("type: Balance");
  Untouched untouched(*cluster);
  const auto finished = work.run({"--state", file.string()});
  EXPECT_EQ(finished.exit_code, kInvalid) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("state folder " + file.string()));
  untouched.expect(finished.out);
}

// A file system of one small page, which is full. Made by root only, as these tests run everywhere.
class FullDisk {
 public:
  FullDisk() {
    mounted_ = mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=8k") == 0;
    if (mounted_) std::ofstream(folder_.path() / "ballast") << std::string(4096, 'x');
  }
  ~FullDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  // Where no file system can be mounted, a file where the folder should be.
  std::filesystem::path state() const {
    return mounted_ ? folder_.path() : folder_.write("file", "") / "state";
  }

 private:
  rig::TempFolder folder_;
  bool mounted_ = false;
};

TEST(StateFolder, OnAFullDiskNothingMoves) {
  const auto cluster = lopsided();
  const FullDisk disk;
  Work work(*cluster);
  work.aim("type: Balance");
  const auto owners = cluster->owners();
  const auto finished = work.run({"--state", disk.state().string()});
  EXPECT_THAT(finished.exit_code, testing::AnyOf(kInvalid, kFailed)) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr(disk.state().string()));
  EXPECT_EQ(cluster->owners(), owners);
  EXPECT_FALSE(any_slot_open(*cluster));
}

}  // namespace
}  // namespace rebalance
