// kill -9 of a server while one of its slots is open; it comes back with its append-only file.
#include "faults/durable.h"
#include "servers/cli_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

struct Victim {
  const char* name;
  int node;
};
void PrintTo(const Victim& victim, std::ostream* out) { *out << victim.name; }

class KillAServer : public testing::TestWithParam<std::tuple<rig::ServerVersion, Victim>> {
 protected:
  static const rig::ServerVersion& version() { return std::get<0>(GetParam()); }
  static int victim() { return std::get<1>(GetParam()).node; }
};
INSTANTIATE_TEST_SUITE_P(Faults, KillAServer,
                         testing::Combine(testing::ValuesIn(two_versions()),
                                          testing::Values(Victim{"Source", 0}, Victim{"Target", 3})),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + std::get<1>(test.param).name;
                         });

TEST_P(KillAServer, WhatWasAcknowledgedIsThereAndTheNextRunFinishes) {
  const auto cluster = lopsided(durable(), version().name, 3000);
  const auto before = digest_of(*cluster);
  rig::Writer writer(cluster->seed(), {.operations_per_second = 100, .timeout = rig::Milliseconds(2000)});
  Work work(*cluster);
  work.aim(move_of("0-1500", "redis-3"), kSlowly);
  const auto program = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << program->said();
  cluster->node(victim()).kill_hard();
  cluster->node(victim()).restart();

  EXPECT_EQ(program->exit_code(), kFailed) << program->said();
  EXPECT_THAT(program->said(), HasSubstr("redis-" + std::to_string(victim()) + " restarted"));
  ASSERT_NO_THROW(cluster->wait_until_agreed());
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster->owner_of(0), 3);
  EXPECT_EQ(cluster->owner_of(1500), 3);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_of(*cluster));
}

// onFailure: RollBack: once the server is back and all slots are served, everything goes home.
TEST_P(KillAServer, EverythingGoesHomeWhereTheSpecSaysSo) {
  const auto cluster = lopsided(durable(), version().name, 3000);
  const auto before = digest_of(*cluster);
  const auto owners = cluster->owners();
  rig::Writer writer(cluster->seed(), {.operations_per_second = 100, .timeout = rig::Milliseconds(2000)});
  Work work(*cluster);
  work.aim(move_of("0-1500", "redis-3"), std::string("onFailure: RollBack\n") + kSlowly);
  const auto program = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << program->said();
  ASSERT_TRUE(rig::wait_until([&] { return slots_claimed_by(*cluster, 3) > 20; }, rig::Milliseconds(30'000)));
  cluster->node(victim()).kill_hard();
  cluster->node(victim()).restart();

  EXPECT_EQ(program->exit_code(), kFailed) << program->said();
  EXPECT_THAT(program->said(), HasSubstr("RolledBack (FailedAndRolledBack)"));
  EXPECT_THAT(program->said(), HasSubstr("redis-" + std::to_string(victim()) + " restarted"));
  EXPECT_EQ(cluster->owners(), owners);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_of(*cluster));
}

// It stays away: the program says who is missing, and finishes once it is back.
TEST_P(KillAServer, ThatStaysAwayIsNamed) {
  const auto cluster = lopsided(durable(), version().name, 3000);
  const auto before = digest_of(*cluster);
  Work work(*cluster, kAtOnce + std::string("safety: {replicas: Ignore, persistence: Ignore, "
                                            "coverageTimeoutSeconds: 5, maxFailures: 2}\n"));
  work.aim(move_of("0-1500", "redis-3"), kSlowly);
  const auto program = work.start();
  ASSERT_TRUE(wait_for_open_slot(*cluster)) << program->said();
  cluster->node(victim()).kill_hard();
  EXPECT_EQ(program->exit_code(), kFailed) << program->said();
  EXPECT_THAT(program->said(), HasSubstr("redis-" + std::to_string(victim())));

  cluster->node(victim()).restart();
  ASSERT_NO_THROW(cluster->wait_until_agreed());
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  work.expect_nothing_left();
  expect_clean(*cluster);
  expect_same_data(before, digest_of(*cluster));
}

class KillAServerAtomically : public testing::TestWithParam<std::tuple<rig::ServerVersion, Victim>> {
 protected:
  static const rig::ServerVersion& version() { return std::get<0>(GetParam()); }
  static int victim() { return std::get<1>(GetParam()).node; }
  // A migration is under way, as its source tells it.
  static bool under_way(const rig::TestCluster& cluster) {
    const auto reply = version().is_valkey() ? cluster.command(0, {"CLUSTER", "GETSLOTMIGRATIONS"})
                                             : cluster.command(0, {"CLUSTER", "MIGRATION", "STATUS", "ALL"});
    return !reply.elements.empty();
  }
};
INSTANTIATE_TEST_SUITE_P(Faults, KillAServerAtomically,
                         testing::Combine(testing::ValuesIn(atomic_versions()),
                                          testing::Values(Victim{"Source", 0}, Victim{"Target", 3})),
                         [](const auto& test) {
                           return std::get<0>(test.param).name + std::get<1>(test.param).name;
                         });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KillAServerAtomically);

// Whether the hand-over was before or after the end of the server: every slot has one owner with its keys.
TEST_P(KillAServerAtomically, NothingIsLostAndTheNextRunFinishes) {
  const auto cluster = lopsided(durable(), version().name, 3000);
  rig::fill(cluster->seed(),
            {.keys = 20'000, .min_value_bytes = 3000, .mixed_types = false, .prefix = "much:"});
  const auto before = digest_of(*cluster);
  rig::Writer writer(cluster->seed(), {.operations_per_second = 100, .timeout = rig::Milliseconds(2000)});
  Work work(*cluster);
  work.aim(move_of("0-4000", "redis-3"), "engine: Atomic\n");
  const auto program = work.start();
  ASSERT_TRUE(rig::wait_until([&] { return under_way(*cluster); }, rig::Milliseconds(60'000)));
  cluster->node(victim()).kill_hard();
  cluster->node(victim()).restart();
  const int code = program->exit_code();
  EXPECT_TRUE(code == kFailed || code == kDone) << program->said();
  ASSERT_NO_THROW(cluster->wait_until_agreed());
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster->owner_of(4000), 3);
  work.expect_nothing_left();
  expect_nothing_lost(writer);
  expect_clean(*cluster);
  expect_same_data(before, digest_of(*cluster));
}

}  // namespace
}  // namespace rebalance
