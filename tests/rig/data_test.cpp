#include <gtest/gtest.h>

#include "rig/cluster.h"
#include "rig/digest.h"
#include "rig/fill.h"
#include "rig/manifests.h"
#include "rig/writer.h"

namespace rig {
namespace {

class Data : public testing::TestWithParam<ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Servers, Data, testing::ValuesIn(installed_versions()),
                         version_name<testing::TestParamInfo<ServerVersion>>);

// redis-cli moves slots under a writer: the data stays the same, and both judges say so.
TEST_P(Data, OfAllTypesIsTheSameAfterAnotherToolMovedIt) {
  const TestCluster cluster(GetParam(), {.primaries = 2});
  const Filled filled = fill(cluster.seed(), {.keys = 3000});
  const ClusterDigest before = digest(cluster.seed());
  ASSERT_EQ(filled.keys, 3000);
  ASSERT_EQ(before.keys.size(), 3000U);
  Writer writer(cluster.seed(), {.operations_per_second = 500, .keys = 200});
  const Finished moved =
      run({cluster.node(0).version().cli, "--cluster", "reshard",
           "127.0.0.1:" + std::to_string(cluster.node(0).port()), "--cluster-from", cluster.node_id(0),
           "--cluster-to", cluster.node_id(1), "--cluster-slots", "1500", "--cluster-yes"});
  ASSERT_EQ(moved.exit_code, 0) << moved.out;
  const WriterReport report = writer.stop();
  EXPECT_GT(report.acknowledged, 0);
  EXPECT_GT(report.moved, 0);
  const WriterVerdict verdict = writer.verify();
  EXPECT_EQ(verdict.lost + verdict.phantom, 0) << verdict.examples;

  ClusterDigest after = digest(cluster.seed());
  EXPECT_EQ(after.misplaced, 0);
  std::erase_if(after.keys, [](const auto& key) { return key.first.starts_with("writer:"); });
  const Difference difference = compare(before, after, Milliseconds(1000));
  EXPECT_TRUE(difference.none()) << difference.examples;
  EXPECT_EQ(cluster.slots_of(1), kSlots / 2 + 1500);
}

TEST(Digest, SeesWhatWasLostChangedAndGivenAnotherTime) {
  const TestCluster cluster(version_named("r70"), {.primaries = 1});
  fill(cluster.seed(),
       {.keys = 100, .mixed_types = false, .ttl_share = 0, .tag_share = 0, .binary_share = 0});
  const ClusterDigest before = digest(cluster.seed());
  cluster.command(0, {"DEL", "key:1"});
  cluster.command(0, {"APPEND", "key:2", "x"});
  cluster.command(0, {"PEXPIRE", "key:3", "100000"});
  cluster.command(0, {"SET", "key:new", "x"});
  const Difference difference = compare(before, digest(cluster.seed()));
  EXPECT_EQ(difference.lost, 1);
  EXPECT_EQ(difference.changed, 1);
  EXPECT_EQ(difference.expiry_changed, 1);
  EXPECT_EQ(difference.appeared, 1);
}

TEST(Writer, FindsLostAndPhantomWrites) {
  const TestCluster cluster(version_named("r70"), {.primaries = 1});
  Writer writer(cluster.seed(), {.operations_per_second = 2000, .threads = 1, .keys = 4});
  ASSERT_TRUE(wait_until([&] { return writer.acknowledged() > 200; }, Milliseconds(10'000)));
  writer.stop();
  cluster.command(0, {"DEL", "writer:1"});   // a counter: what it counted is lost
  cluster.command(0, {"INCR", "writer:3"});  // counted once more than acknowledged
  const WriterVerdict verdict = writer.verify();
  EXPECT_EQ(verdict.lost, 1) << verdict.examples;
  EXPECT_EQ(verdict.phantom, 1) << verdict.examples;
}

TEST(Manifests, NameEveryPodItsPortAndItsLimit) {
  const TempFolder folder;
  ClusterOptions options{.primaries = 2, .tls = true};
  options.server.password = "secret";
  const TestCluster cluster(version_named("r70"), options);
  write_manifests(folder.path(), cluster, {.default_limit = 1000});
  const std::string pods = read_file(folder.path() / "pods.yaml");
  EXPECT_TRUE(pods.contains("name: redis-1\n"));
  EXPECT_TRUE(pods.contains("containerPort: " + std::to_string(cluster.node(1).port()) + "\n"));
  EXPECT_TRUE(pods.contains("memory: \"1000\"\n"));
  EXPECT_TRUE(read_file(folder.path() / "secrets.yaml").contains("password: c2VjcmV0\n"));
}

}  // namespace
}  // namespace rig
