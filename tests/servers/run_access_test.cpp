// The least rights, certificates on both sides, IPv6: the program needs no more than docs/acl.md lists.
#include "servers/run_rig.h"

namespace rebalance {
namespace {

// The rights in docs/acl.md: what stands in its first block after the password, and for newer servers what
// the sentences below it add.
std::string documented_rights(const rig::ServerVersion& version) {
  const auto text = rig::read_file(SOURCE_FOLDER "/docs/acl.md");
  const std::string begin = ">PASSWORD ";
  const auto from = text.find(begin) + begin.size();
  auto rights = text.substr(from, text.find("```", from) - from);
  std::ranges::replace(rights, '\n', ' ');
  if (version.at_least(7, 0)) rights += " +function|list +function|dump +function|restore";
  return rights;
}

class Access : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Run, Access, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Access, TheDocumentedRightsAndMutualTlsAreEnough) {
  rig::ClusterOptions options{.primaries = 3, .empty_primaries = 1, .tls = true};
  options.server.user = "rebalance";
  options.server.password = "s3cret-of-the-test";
  options.server.acl = documented_rights(GetParam());
  rig::TestCluster cluster(GetParam(), options);
  rig::fill(cluster.seed(), {.keys = 2000});
  const auto before = rig::digest(cluster.seed());
  Work work(cluster);
  work.aim("type: Balance");
  const auto finished = work.run({"-v"});
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, testing::Not(testing::HasSubstr(options.server.password)));
  EXPECT_GT(cluster.slots_of(3), 3000);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

TEST(Ipv6, WorksFromPodIpToMigrate) {
  rig::TestCluster cluster(rig::version_named("r70"),
                           {.primaries = 3, .empty_primaries = 1, .server = {.host = "::1"}});
  rig::fill(cluster.seed(), {.keys = 2000});
  const auto before = rig::digest(cluster.seed());
  Work work(cluster);
  work.aim("type: Balance");
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_GT(cluster.slots_of(3), 3000);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

}  // namespace
}  // namespace rebalance
