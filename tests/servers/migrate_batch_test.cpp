// A batch moves on real servers of each version.
#include <gtest/gtest.h>

#include "rig/digest.h"
#include "rig/fill.h"
#include "rig/writer.h"
#include "servers/migrate_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

class Migrate : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  TestHooks hooks;
  BatchResult run(const BatchJob& batch, std::stop_token stop = {}) {
    return run_batch(batch, hooks.hooks(), stop);
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, Migrate, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Migrate, MovesEveryKindOfKeyWithItsTimeToLive) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .replicas = 1});
  rig::fill(cluster.seed(), {.keys = 4000});
  const auto before = rig::digest(cluster.seed());
  const auto result = run(job(cluster, 0, 1, range(0, 499)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 499));
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  // Before 7.0 nothing tells the instant itself: TIME and PTTL may lie on both sides of a millisecond.
  const auto difference =
      rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(GetParam().at_least(7, 0) ? 0 : 2));
  EXPECT_TRUE(difference.none()) << difference.examples;
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  EXPECT_EQ(cluster.owner_of(0), 1);
  EXPECT_EQ(cluster.owner_of(499), 1);
  EXPECT_EQ(cluster.owner_of(500), 0);
}

TEST_P(Migrate, AnExpiryThatAClientSetsMeanwhileStands) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  auto source = cluster.node(0).connect(), target = cluster.node(1).connect();
  const auto tag = key_in(5, 0);
  std::vector<std::string> watched;
  for (int key = 0; key < 3000; ++key) {
    const auto name = tag + std::to_string(key);
    source.must({"SET", name, "value", "PX", "3600000"});
    if (key % 100 == 0) watched.push_back(name);
  }
  int set_on_target = 0;
  hooks.progress.act = [&](const PairProgress&) {
    for (const auto& key : watched) {
      if (!source.command({"PEXPIRE", key, "7200000"}).is_error()) continue;
      target.command({"ASKING"});
      target.command({"PEXPIRE", key, "7200000"});
      ++set_on_target;
    }
  };
  const auto result = run(job(cluster, 0, 1, range(5, 5)));
  EXPECT_EQ(why(result), "");
  EXPECT_GT(set_on_target, 0);
  for (const auto& key : watched) EXPECT_GT(target.must({"PTTL", key}).integer, 3'600'000);
}

TEST_P(Migrate, ALongSlotWithAKeyThatStallsTooLongIsNeverOpened) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  auto source = cluster.node(0).connect();
  const auto tag = key_in(5, 0);
  for (int key = 0; key < 6000; ++key) source.must({"SET", tag + std::to_string(key), "value"});
  source.must({"SET", tag + "big", std::string(12'000'000, 'x')});
  auto batch = job(cluster, 0, 1, range(4, 6));
  batch.options.node_timeout = Millis(500);
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, slots("4,6"));
  ASSERT_EQ(result.skipped.size(), 1u);
  EXPECT_EQ(result.skipped.front().slot, 5);
  EXPECT_EQ(source.must({"CLUSTER", "COUNTKEYSINSLOT", "5"}).integer, 6001);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(Migrate, LosesNothingThatIsWrittenMeanwhile) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 5000});
  rig::Writer writer(cluster.seed(), {.operations_per_second = 800});
  const auto result = run(job(cluster, 0, 2, range(0, 1999)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done.size(), 2000);
  expect_nothing_lost(writer);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(Migrate, TheLastSlotsOfAPrimaryGoToo) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 500});
  const auto before = rig::digest(cluster.seed());
  auto owned = range(0, 8191);
  auto batch = job(cluster, 0, 2, owned);
  batch.options.group_slots = 512;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, owned);
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

}  // namespace
}  // namespace rebalance
