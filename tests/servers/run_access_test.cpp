// The least rights, certificates on both sides, IPv6: the program needs no more than docs/acl.md lists.
#include "servers/run_rig.h"

namespace rebalance {
namespace {

void leave_out(std::string& rights, const std::string& word) {
  if (const auto at = rights.find(word); at != std::string::npos) rights.erase(at, word.size());
}

// What docs/acl.md lists: its first block after the password, and what the sentences below add or leave out
// for a version.
std::string documented_rights(const rig::ServerVersion& version) {
  const auto text = rig::read_file(SOURCE_FOLDER "/docs/acl.md");
  const std::string begin = ">PASSWORD ";
  const auto from = text.find(begin) + begin.size();
  auto rights = text.substr(from, text.find("```", from) - from);
  std::ranges::replace(rights, '\n', ' ');
  if (version.at_least(7, 0)) rights += " +function|list +function|dump +function|restore";
  if (!version.is_valkey() && version.at_least(8, 4)) rights += " +cluster|migration";
  if (version.is_valkey() && version.major >= 9)
    rights += " +cluster|migrateslots +cluster|getslotmigrations +cluster|cancelslotmigrations";
  if (version.at_least(7, 0) && !version.is_valkey() && !version.at_least(8, 2))
    leave_out(rights, "+cluster|slot-stats");
  if (!version.at_least(7, 0)) leave_out(rights, "+pexpiretime");
  if (!version.at_least(6, 2)) leave_out(rights, "resetchannels");
  return rights;
}

bool speaks_tls(const rig::ServerVersion& version) {  // a build may leave it out
  const auto refused = rig::run({version.server.string(), "--tls-port", "1", "--port", "x"});
  return (refused.out + refused.err).find("'tls-port") == std::string::npos;
}

class Access : public testing::TestWithParam<rig::ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Run, Access, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

TEST_P(Access, TheDocumentedRightsAndMutualTlsAreEnough) {
  rig::ClusterOptions options{.primaries = 3, .empty_primaries = 1, .tls = speaks_tls(GetParam())};
  options.server.user = "rebalance";
  options.server.password = "s3cret-of-the-test";
  options.server.acl = documented_rights(GetParam());
  rig::TestCluster cluster(GetParam(), options);
  rig::fill(cluster.seed(), {.keys = 4000, .only_slots = [](int slot) { return slot % 8 == 0; }});
  const auto before = rig::digest(cluster.seed());
  Work work(cluster);
  work.aim("type: Balance");
  const auto finished = work.run({"-v"});
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, testing::Not(testing::HasSubstr(options.server.password)));
  EXPECT_GT(cluster.keys_of(3), 80);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

TEST(Ipv6, WorksFromPodIpToMigrate) {
  rig::TestCluster cluster(rig::version_named("r70"),
                           {.primaries = 3, .empty_primaries = 1, .server = {.host = "::1"}});
  rig::fill(cluster.seed(), {.keys = 4000, .only_slots = [](int slot) { return slot % 8 == 0; }});
  const auto before = rig::digest(cluster.seed());
  Work work(cluster);
  work.aim("type: Balance");
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_GT(cluster.keys_of(3), 80);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

}  // namespace
}  // namespace rebalance
