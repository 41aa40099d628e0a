// spec.activeDefrag: DuringMove on servers that can defragment themselves, and on those that cannot.
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kDefrag = "activeDefrag: DuringMove\n";

std::string defrag_of(const rig::TestCluster& cluster, int index) {
  return cluster.command(index, {"CONFIG", "GET", "activedefrag"}).elements.at(1).text;
}

class Defrags : public testing::Test {
 protected:
  void SetUp() override {
    const auto version = rig::defragmenting_version();
    if (!version) GTEST_SKIP() << "not run: no server that can defragment itself is there";
    cluster_ = std::make_unique<rig::TestCluster>(*version,
                                                  rig::ClusterOptions{.primaries = 2, .empty_primaries = 1});
    rig::fill(cluster_->seed(), {.keys = 6000});
    work_ = std::make_unique<Work>(*cluster_);
  }
  void expect_all(const std::string& value) {
    for (int i = 0; i < cluster_->size(); ++i) EXPECT_EQ(defrag_of(*cluster_, i), value) << i;
  }

  std::unique_ptr<rig::TestCluster> cluster_;
  std::unique_ptr<Work> work_;
};

TEST_F(Defrags, WhatGivesSlotsDefragmentsItselfUntilTheEnd) {
  work_->aim("type: Balance", std::string(kSlowly) + kDefrag);
  const auto running = work_->start();
  ASSERT_TRUE(wait_for_open_slot(*cluster_)) << running->said();
  EXPECT_EQ(defrag_of(*cluster_, 0), "yes") << running->said();
  EXPECT_EQ(defrag_of(*cluster_, 2), "no") << "it receives";
  EXPECT_THAT(rig::read_file(work_->state() / "defrag.json"), HasSubstr("redis-0"));
  running->process().signal(SIGTERM);
  EXPECT_EQ(running->exit_code(), kStopped) << running->said();
  expect_all("no");

  work_->amend(kDefrag);
  const auto finished = work_->run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, Not(HasSubstr("Defrag")));
  expect_all("no");
  EXPECT_FALSE(std::filesystem::exists(work_->state() / "defrag.json"));
  expect_clean(*cluster_);
}

TEST_F(Defrags, AfterACrashTheNextRunPutsItBackWhateverItsSpecSays) {
  work_->aim("type: Balance", std::string(kSlowly) + kDefrag);
  auto running = work_->start();
  ASSERT_TRUE(wait_for_open_slot(*cluster_)) << running->said();
  running->process().kill_hard();
  running->exit_code();
  EXPECT_EQ(defrag_of(*cluster_, 0), "yes");
  work_->amend("execution: Paused\n");
  EXPECT_EQ(work_->run({"--wait", "60"}).exit_code, kStopped);
  expect_all("no");
}

TEST_F(Defrags, WhatHadItOnKeepsIt) {
  cluster_->command(0, {"CONFIG", "SET", "activedefrag", "yes"});
  work_->aim("type: Balance", kDefrag);
  EXPECT_EQ(work_->run().exit_code, kDone);
  EXPECT_EQ(defrag_of(*cluster_, 0), "yes");
  EXPECT_EQ(defrag_of(*cluster_, 1), "no");
}

TEST_F(Defrags, AServerThatIsAnotherProcessByNowIsLeftAsItsOwnConfigurationSays) {
  work_->aim("type: Balance", std::string(kSlowly) + kDefrag);
  auto running = work_->start();
  ASSERT_TRUE(wait_for_open_slot(*cluster_)) << running->said();
  running->process().kill_hard();
  running->exit_code();
  cluster_->node(0).restart();
  cluster_->command(0, {"CONFIG", "SET", "activedefrag", "yes"});
  work_->amend("execution: Paused\n");
  work_->run({"--wait", "60"});
  EXPECT_EQ(defrag_of(*cluster_, 0), "yes");
}

class DefragsNot : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Run, DefragsNot, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(DefragsNot, AServerThatCannotMovesItsSlotsAllTheSame) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 600});
  Work work(cluster);
  work.aim("type: Balance", kDefrag);
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("active defragmentation is not on at redis-0: "
                                      "Active defragmentation cannot be enabled"));
  EXPECT_THAT(finished.out, Not(HasSubstr("may still be on")));
  EXPECT_EQ(defrag_of(cluster, 0), "no");
}

// Where the allocator is none of jemalloc's kind, or the right is missing, it is seen before.
TEST(DefragsPreflight, IsSaidByThePreflightWhereThatCanBeSeen) {
  rig::ClusterOptions options{.primaries = 2};
  options.server.user = "rebalance";
  options.server.password = "s3cret-of-the-test";
  options.server.acl = "~* &* +@all -config|set";
  rig::TestCluster cluster(rig::version_named("r70"), options);
  rig::fill(cluster.seed(), {.keys = 600});
  Work work(cluster);
  work.aim(move_of("0-20", "redis-1"), kDefrag);
  const auto checked = rig::run({PROGRAM, "check", "-f", work.manifests().string()});
  EXPECT_THAT(checked.out, HasSubstr("DefragNotPossible"));
  EXPECT_THAT(checked.out, HasSubstr("+config|set"));
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, HasSubstr("+config|set"));
}

}  // namespace
}  // namespace rebalance
