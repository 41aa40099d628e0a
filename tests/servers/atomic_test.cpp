// A batch moves atomically on real servers that can.
#include "migrate/atomic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "migrate/repair.h"
#include "rig/digest.h"
#include "rig/fill.h"
#include "rig/writer.h"
#include "servers/migrate_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class Atomically : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  Engine engine() const { return GetParam().is_valkey() ? Engine::kAtomicValkey : Engine::kAtomicRedis; }
  BatchJob atomic_job(const rig::TestCluster& cluster, int source, int target, const SlotSet& slots) const {
    auto batch = job(cluster, source, target, slots);
    batch.engine = engine();
    return batch;
  }
  BatchResult run(const BatchJob& batch, std::stop_token stop = {}) {
    return run_batch(batch, hooks.hooks(), stop);
  }
  // As somebody with a terminal would.
  void start_by_hand(const rig::TestCluster& cluster, int source, int target, int first, int last) const {
    const auto from = std::to_string(first), to = std::to_string(last);
    if (GetParam().is_valkey()) {
      cluster.command(source,
                      {"CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", from, to, "NODE", cluster.node_id(target)});
    } else {
      cluster.command(target, {"CLUSTER", "MIGRATION", "IMPORT", from, to});
    }
  }
  MoveIntent intent(const rig::TestCluster& cluster, int source, int target, const SlotSet& slots) const {
    return {engine(), cluster.node_id(source), cluster.node_id(target), "", "", slots};
  }
  // Values so large that a migration takes a second or so.
  static void fill_heavily(const rig::TestCluster& cluster) {
    rig::fill(cluster.seed(), {.keys = 40'000, .min_value_bytes = 3000, .mixed_types = false});
  }

  TestHooks hooks;
};

INSTANTIATE_TEST_SUITE_P(Versions, Atomically, testing::ValuesIn(atomic_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Atomically);

// It is of one mind, and slot `slot` is the node's.
bool settles(const rig::TestCluster& cluster, int slot, int node) {
  return rig::wait_until(
      [&] {
        try {
          return cluster.owner_of(slot) == node && cluster.check().clean;
        } catch (const std::exception&) {  // the nodes do not agree yet
          return false;
        }
      },
      rig::Milliseconds(30'000));
}

TEST_P(Atomically, MovesEveryKindOfKeyWithItsTimeToLive) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .replicas = 1});
  rig::fill(cluster.seed(), {.keys = 4000});
  const auto before = rig::digest(cluster.seed());
  const auto result = run(atomic_job(cluster, 0, 1, slots("0-499,1000,2000-2100")));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, slots("0-499,1000,2000-2100"));
  EXPECT_GT(result.keys, 0);
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  const auto difference = rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(0));
  EXPECT_TRUE(difference.none()) << difference.examples;
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(Atomically, LosesNothingThatIsWrittenMeanwhileAndHardlyAsks) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .replicas = 1, .server = {.aof = true}});
  rig::fill(cluster.seed(), {.keys = 20'000});
  rig::Writer writer(cluster.seed(), {.operations_per_second = 800});
  const auto result = run(atomic_job(cluster, 0, 2, range(0, 1999)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done.size(), 2000);
  const auto report = expect_nothing_lost(writer);
  EXPECT_LT(report.ask, 10);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(Atomically, TheLastSlotsOfAPrimaryGoToo) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 500});
  const auto before = rig::digest(cluster.seed());
  const auto result = run(atomic_job(cluster, 0, 2, range(0, 8191)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 8191));
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

TEST_P(Atomically, AStopInTheMiddleLeavesEverySlotWithOneOfTheTwo) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill_heavily(cluster);
  const auto before = rig::digest(cluster.seed());
  std::stop_source stop;
  bool asked = false;
  hooks.progress.act = [&](const PairProgress&) {
    if (hooks.gate.asked > 1 && !asked) asked = stop.request_stop();
  };
  const auto result = run(atomic_job(cluster, 0, 1, range(0, 8000)), stop.get_token());
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  EXPECT_TRUE(result.done.empty() || result.done == range(0, 8000)) << result.done.text();
  EXPECT_TRUE(rig::wait_until([&] { return cluster.check().clean; }, rig::Milliseconds(10'000)))
      << cluster.check().text;
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

TEST_P(Atomically, WhatAnEarlierRunBeganIsEndedByARepair) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill_heavily(cluster);
  const auto before = rig::digest(cluster.seed());
  ASSERT_TRUE(hooks.intents.open(intent(cluster, 0, 1, range(0, 8000))));
  start_by_hand(cluster, 0, 1, 0, 8000);
  RepairJob repair{{member(cluster, 0), member(cluster, 1)}, hooks.intents.intents()};
  const auto result = run_repair(repair, hooks.hooks(), {});
  EXPECT_FALSE(result.error) << result.error->message;
  EXPECT_TRUE(hooks.intents.intents().empty());
  EXPECT_TRUE(rig::wait_until([&] { return cluster.check().clean; }, rig::Milliseconds(10'000)))
      << cluster.check().text;
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

TEST_P(Atomically, WhatAnEarlierRunBeganIsAdoptedByTheSameBatch) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill_heavily(cluster);
  auto batch = atomic_job(cluster, 0, 1, range(0, 8000));
  batch.earlier = {intent(cluster, 0, 1, range(0, 8000))};
  start_by_hand(cluster, 0, 1, 0, 8000);
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 8000));
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(Atomically, SomebodyElsesMigrationIsLeftAlone) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill_heavily(cluster);
  start_by_hand(cluster, 0, 1, 0, 8000);
  const auto result = run(atomic_job(cluster, 0, 1, range(0, 99)));
  if (result.error) {  // else it was over before we looked
    EXPECT_EQ(result.error->code, ErrorCode::kConflict) << why(result);
  }
  EXPECT_TRUE(settles(cluster, 8000, 1)) << cluster.check().text;
}

TEST_P(Atomically, WritesThatGoOnDuringAFlushEndInASentenceOrAMove) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill_heavily(cluster);
  bool flushed = false;
  hooks.progress.act = [&](const PairProgress&) {
    if (hooks.gate.asked > 1 && !flushed) flushed = cluster.command(0, {"FLUSHALL"}).text == "OK";
  };
  const auto result = run(atomic_job(cluster, 0, 1, range(0, 8000)));
  EXPECT_TRUE(flushed);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 8000));
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

class AtomicallyOnRedis : public Atomically {};
std::vector<rig::ServerVersion> redis_versions() {
  auto all = atomic_versions();
  std::erase_if(all, [](const auto& version) { return version.is_valkey(); });
  return all;
}
INSTANTIATE_TEST_SUITE_P(Versions, AtomicallyOnRedis, testing::ValuesIn(redis_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AtomicallyOnRedis);

// Redis ends such an import as completed, with keys missing.
TEST_P(AtomicallyOnRedis, ATargetThatRefusesWhatArrivesIsToldAsLoss) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .server = {.config = {"rename-command SET \"\""}}});
  auto source = cluster.node(0).connect();
  for (int i = 0; i < 50; ++i) source.must({"MSET", key_in(5, i), "x"});
  const auto result = run(atomic_job(cluster, 0, 1, range(0, 99)));
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kLost) << why(result);
  EXPECT_THAT(why(result), HasSubstr("refused"));
}

}  // namespace
}  // namespace rebalance
