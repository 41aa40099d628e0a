// One executor at a time, whoever started it.
#include <csignal>

#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

TEST(TwoPrograms, OneWorksAndTheOtherWaitsAndSaysForWhom) {
  const auto cluster = lopsided();
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  const rig::TempFolder elsewhere;
  const auto second = work.run({"--state", elsewhere.path().string(), "--wait", "2"});
  EXPECT_EQ(second.exit_code, kRefused) << second.out;
  EXPECT_THAT(second.out, HasSubstr("another executor works on this cluster"));
  EXPECT_THAT(second.out, HasSubstr("." + std::to_string(first->process().pid()) + " since "));
  EXPECT_EQ(first->exit_code(), kDone) << first->said();
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

TEST(TwoPrograms, OneStateFolderServesOne) {
  const auto cluster = lopsided();
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  const auto second = work.run();
  EXPECT_EQ(second.exit_code, kRefused) << second.out;
  EXPECT_THAT(second.out, HasSubstr("in use by process " + std::to_string(first->process().pid())));
  EXPECT_EQ(first->exit_code(), kDone) << first->said();
}

// Another tool or operator that moves a slot, as `redis-cli --cluster reshard` does: by hand, since that one
// refuses to begin while anybody else's slot is open.
class ForeignMover {
 public:
  ForeignMover(rig::TestCluster& cluster, int slot, int from, int to)
      : cluster_(cluster), slot_(std::to_string(slot)), from_(from), to_(to) {
    cluster.command(to, {"CLUSTER", "SETSLOT", slot_, "IMPORTING", cluster.node_id(from)});
    cluster.command(from, {"CLUSTER", "SETSLOT", slot_, "MIGRATING", cluster.node_id(to)});
  }
  void finish() {
    const auto port = std::to_string(cluster_.node(to_).port());
    for (const auto& key : cluster_.command(from_, {"CLUSTER", "GETKEYSINSLOT", slot_, "1000"}).elements)
      cluster_.command(from_, {"MIGRATE", "127.0.0.1", port, key.text, "0", "5000"});
    for (const int node : {to_, from_})
      cluster_.command(node, {"CLUSTER", "SETSLOT", slot_, "NODE", cluster_.node_id(to_)});
  }

 private:
  rig::TestCluster& cluster_;
  std::string slot_;
  int from_, to_;
};

TEST(ForeignMoves, ThatBeginInTheMiddleAreWaitedForAndLeftAlone) {
  const auto cluster = lopsided();
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Move\nmove: {assignments: [{slots: 0-200, to: redis-3}, {slots: 300-500, to: redis-1}]}",
           "engine: KeyByKey\nbatch: {maxBytesPerSecond: 20Ki, parallelPairs: 1}\n");
  const auto run = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << run->said();
  ForeignMover other(*cluster, 9000, 1, 2);
  EXPECT_TRUE(rig::wait_until([&] { return run->said().find("(OpenSlots)") != std::string::npos; },
                              rig::Milliseconds(20'000)))
      << run->said();
  EXPECT_THAT(run->said(), HasSubstr("1 open slot: 9000 "));
  EXPECT_TRUE(
      rig::wait_until([&] { return rig::slots_claimed_by(*cluster, 3) == 201; }, rig::Milliseconds(20'000)))
      << "what was under way ends";
  rig::nap(rig::Milliseconds(3000));
  EXPECT_EQ(cluster->owner_of(300), 0) << "and nothing else begins: " << run->said();
  other.finish();
  EXPECT_EQ(run->exit_code(), kDone) << run->said();
  EXPECT_EQ(cluster->owner_of(300), 1);
  EXPECT_EQ(cluster->owner_of(9000), 2) << "it is not taken back";
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

TEST(ForeignMoves, ThatDoNotEndEndTheMoveWithTheirName) {
  const auto cluster = lopsided();
  Work work(*cluster, std::string(kAtOnce) +
                          "safety: {replicas: Ignore, persistence: Ignore, coverageTimeoutSeconds: 5}\n");
  work.aim("type: Balance", kSlowly);
  const auto run = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << run->said();
  const ForeignMover other(*cluster, 9000, 1, 2);
  EXPECT_EQ(run->exit_code(), kFailed) << run->said();
  EXPECT_THAT(run->said(), HasSubstr("Failed (OpenSlots)"));
  EXPECT_THAT(run->said(), HasSubstr("1 open slot: 9000 "));
}

// A process that sleeps does not know that its claim went to another one.
TEST(LongTwoPrograms, AStoppedOneWritesNothingAfterItsClaimWasTakenOver) {
  const auto cluster = lopsided();
  const auto before = rig::digest(cluster->seed());
  Work work(*cluster);
  work.aim("type: Balance", kSlowly);
  const auto first = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << first->said();
  first->process().signal(SIGSTOP);

  Work other(*cluster, kAtOnce + std::string(kAlone) + "observeSeconds: 120\n");
  other.aim("type: Repair");
  const auto second = other.start({"--wait", "60", "--observe"});
  ASSERT_TRUE(rig::wait_until([&] { return second->said().find("Observing") != std::string::npos; },
                              rig::Milliseconds(60'000)))
      << second->said();
  expect_clean(*cluster);

  Untouched untouched(*cluster);
  first->process().signal(SIGCONT);
  EXPECT_EQ(first->exit_code(), kFailed) << first->said();
  EXPECT_TRUE(second->process().running()) << second->said();
  untouched.expect(first->said());
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

}  // namespace
}  // namespace rebalance
