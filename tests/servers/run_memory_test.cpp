// The over-full cluster on which redis-cli's reshard gets a node killed: each server in a memory control
// group of its own, where such can be made (elsewhere the same limits stand in the pods alone).
#include <csignal>

#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kLimit = 118LL << 20;

std::unique_ptr<rig::TestCluster> over_full() {
  rig::ClusterOptions options{.primaries = 3, .empty_primaries = 1};
  options.server.memory_limit = kLimit;
  auto cluster = std::make_unique<rig::TestCluster>(rig::version_named("r70"), options);
  rig::fill(cluster->seed(), {.keys = 114'000,
                              .min_value_bytes = 1000,
                              .max_value_bytes = 4000,
                              .mixed_types = false,
                              .ttl_share = 0});
  return cluster;
}

TEST(OverFull, WhatCannotFitIsRefusedAndReliefSucceeds) {
  const auto cluster = over_full();
  const std::int64_t ceiling = kLimit * 80 / 100;
  for (int i = 0; i < 3; ++i) ASSERT_GT(cluster->node(i).rss(), ceiling) << "every giver is over its ceiling";
  const auto before = rig::digest(cluster->seed());
  const auto owners = cluster->owners();
  Work work(*cluster);

  work.aim(move_of("0-1499", "redis-1"));
  const auto refused = work.run();
  EXPECT_EQ(refused.exit_code, kRefused) << refused.out;
  EXPECT_THAT(refused.out, HasSubstr("redis-1 (limit 118.0Mi)"));
  EXPECT_THAT(refused.out, HasSubstr("Mi short ("));
  EXPECT_THAT(refused.out, HasSubstr("RaiseLimit: A memory limit of"));
  EXPECT_EQ(cluster->owners(), owners);

  work.aim("type: Balance");
  const auto relieved = work.run();
  ASSERT_EQ(relieved.exit_code, kDone) << relieved.out;
  EXPECT_GT(cluster->slots_of(3), 3500);
  EXPECT_LE(cluster->node(3).rss(), ceiling);
  if (const auto* cgroup = cluster->node(3).cgroup(); cgroup != nullptr && cgroup->usage().peak > 0) {
    EXPECT_LE(cgroup->usage().peak, ceiling);
  }
  expect_nobody_killed(*cluster);
  expect_clean(*cluster);
  expect_same_data(before, rig::digest(cluster->seed()));
}

// onShortage: Wait: the receiver's maxmemory stands in the way until somebody raises it.
TEST(Shortage, IsWaitedForAndGoneOnFromOnceThereIsRoom) {
  rig::TestCluster cluster(rig::version_named("r70"), {.primaries = 3, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 3000});
  cluster.command(3, {"CONFIG", "SET", "maxmemory", "2mb"});
  const auto owners = cluster.owners();
  Work work(cluster);
  work.aim(move_of("0-999", "redis-3"), "headroom: {onShortage: Wait}\n");
  const auto waiting = work.start();
  const auto waits = [&] { return waiting->said().find("Waiting (WaitingForMemory)") != std::string::npos; };
  ASSERT_TRUE(rig::wait_until(waits, rig::Milliseconds(30'000))) << waiting->said();
  EXPECT_THAT(waiting->said(), HasSubstr("RaiseMaxmemory: "));
  EXPECT_EQ(cluster.owners(), owners);
  cluster.command(3, {"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_EQ(waiting->exit_code(), kDone) << waiting->said();
  EXPECT_EQ(cluster.slots_of(3), 1000);
  expect_clean(cluster);
}

TEST(Shortage, IsWaitedForUntilSomebodyStopsIt) {
  rig::TestCluster cluster(rig::version_named("r70"), {.primaries = 3, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 3000});
  cluster.command(3, {"CONFIG", "SET", "maxmemory", "2mb"});
  Work work(cluster);
  work.aim(move_of("0-999", "redis-3"), "headroom: {onShortage: Wait}\n");
  const auto waiting = work.start();
  const auto waits = [&] { return waiting->said().find("Waiting (WaitingForMemory)") != std::string::npos; };
  ASSERT_TRUE(rig::wait_until(waits, rig::Milliseconds(30'000))) << waiting->said();
  waiting->process().signal(SIGINT);
  EXPECT_EQ(waiting->exit_code(rig::Milliseconds(10'000)), kStopped) << waiting->said();
}

}  // namespace
}  // namespace rebalance
