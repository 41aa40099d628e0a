// A batch moves on real servers of each version.
#include <gtest/gtest.h>

#include "rig/digest.h"
#include "rig/fill.h"
#include "rig/writer.h"
#include "servers/migrate_rig.h"

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

std::string why(const BatchResult& result) { return result.error ? result.error->message : ""; }

TEST_P(Migrate, MovesEveryKindOfKeyWithItsTimeToLive) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .replicas = 1});
  rig::fill(cluster.seed(), {.keys = 4000});
  const auto before = rig::digest(cluster.seed());
  const auto result = run(job(cluster, 0, 1, range(0, 499)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 499));
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  const auto difference = rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000));
  EXPECT_TRUE(difference.none()) << difference.examples;
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  EXPECT_EQ(cluster.owner_of(0), 1);
  EXPECT_EQ(cluster.owner_of(499), 1);
  EXPECT_EQ(cluster.owner_of(500), 0);
}

TEST_P(Migrate, LosesNothingThatIsWrittenMeanwhile) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 5000});
  rig::Writer writer(cluster.seed(), {.operations_per_second = 800});
  const auto result = run(job(cluster, 0, 2, range(0, 1999)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done.size(), 2000);
  const auto report = writer.stop();
  EXPECT_GT(report.acknowledged, 0);
  const auto verdict = writer.verify();
  EXPECT_EQ(verdict.lost, 0) << verdict.examples;
  EXPECT_EQ(verdict.phantom, 0) << verdict.examples;
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
