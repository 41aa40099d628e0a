// The network is cut in the middle of a move and comes back: between the program (and all clients) and a
// node, and around a node, whose replica takes over meanwhile. The network is the test's own.
#include "faults/durable.h"
#include "rig/own_network.h"
#include "servers/cli_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

struct Cut {
  std::string engine, version;
  int node;  // 0 gives, 3 receives
};
void PrintTo(const Cut& cut, std::ostream* out) { *out << cut.engine << " of node " << cut.node; }

std::string cut_name(const testing::TestParamInfo<Cut>& test) {
  return test.param.engine + (test.param.node == 0 ? "Source" : "Target") + "On" + test.param.version;
}

class ANodeIsCutOff : public testing::TestWithParam<Cut> {
 protected:
  void SetUp() override {
    if (!rig::networks_unavailable().empty()) GTEST_SKIP() << rig::networks_unavailable();
    network_ = std::make_unique<rig::OwnNetwork>();
    auto options = durable();
    options.own_addresses = true;
    options.replicas = 1;
    options.server.node_timeout_ms = 3000;
    cluster_ = lopsided(options, GetParam().version, 3000);
    before_ = digest_of(*cluster_);
    writer_ = std::make_unique<rig::Writer>(cluster_->seed(),
                                            rig::WriterOptions{.operations_per_second = 100,
                                                               .deletes = false,
                                                               .timeout = rig::Milliseconds(2000),
                                                               .give_up = rig::Milliseconds(60'000)});
    work_ = std::make_unique<Work>(*cluster_, kAtOnce);
    work_->aim("type: Balance", "engine: " + GetParam().engine + "\n" + kDurable +
                                    "batch: {maxSlots: 200, maxBytesPerSecond: 200Ki}\n");
    program_ = work_->start();
    ASSERT_TRUE(
        rig::wait_until([&] { return slots_claimed_by(*cluster_, 3) > 200; }, rig::Milliseconds(60'000)))
        << program_->said();
  }

  std::string host() const { return cluster_->node(GetParam().node).host(); }

  // Whatever the first program came to: as often as something is in the way, and in the end all is in place.
  void expect_the_next_finishes() {
    program_->process().signal(SIGTERM);
    EXPECT_GE(program_->exit_code(), 0) << program_->said();
    EXPECT_THAT(program_->said(), HasSubstr("redis-" + std::to_string(GetParam().node)));
    work_->amend("engine: " + GetParam().engine + "\n" + kDurable);
    rig::Finished finished;
    for (int run = 0; run < 4 && finished.exit_code != kDone; ++run) {
      EXPECT_NO_THROW(cluster_->wait_until_agreed());
      finished = work_->run();
    }
    EXPECT_EQ(finished.exit_code, kDone) << program_->said() << finished.out;
    work_->expect_nothing_left();
    expect_clean(*cluster_);
    expect_nothing_lost(*writer_);
    expect_same_data(before_, digest_of(*cluster_));
    expect_replicas_follow(*cluster_);
  }

  static constexpr const char* kDurable = "safety: {persistence: Ignore, replicas: Prefer}\n";
  std::unique_ptr<rig::OwnNetwork> network_;
  std::unique_ptr<rig::TestCluster> cluster_;
  rig::ClusterDigest before_;
  std::unique_ptr<rig::Writer> writer_;
  std::unique_ptr<Work> work_;
  std::unique_ptr<Started> program_;
};
// Not a target of KeyByKey: what MIGRATE has brought and its replica has not yet is lost with it, and its
// shard may have two primaries for a while (docs/engines.md).
INSTANTIATE_TEST_SUITE_P(Faults, ANodeIsCutOff,
                         testing::Values(Cut{"KeyByKey", "v91", 0}, Cut{"LiveCopy", "r70", 3},
                                         Cut{"Atomic", "r86", 3}),
                         cut_name);
INSTANTIATE_TEST_SUITE_P(LongFaults, ANodeIsCutOff,
                         testing::Values(Cut{"LiveCopy", "r70", 0}, Cut{"Atomic", "v91", 0}), cut_name);

TEST_P(ANodeIsCutOff, FromItsClientsForALittleWhileAndNothingIsLost) {
  network_->cut_off_from_clients(host());
  rig::nap(rig::Milliseconds(6000));
  network_->heal();
  expect_the_next_finishes();
}

// Longer than cluster-node-timeout; an election that nobody won is held again after four of them.
TEST_P(ANodeIsCutOff, FromEverybodyUntilItsReplicaHasTakenOverAndNothingIsLost) {
  const auto taken_over = [&] {
    const auto views = cluster_->view_of(1);
    return std::ranges::any_of(views, [&](const auto& view) {
      return view.id == cluster_->node_id(GetParam().node) && view.slots.empty();
    });
  };
  network_->cut_off(host());
  EXPECT_TRUE(rig::wait_until(taken_over, rig::Milliseconds(60'000)));
  network_->heal();
  expect_the_next_finishes();
}

}  // namespace
}  // namespace rebalance
