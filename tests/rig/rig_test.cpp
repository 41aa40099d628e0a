#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "rig/cgroup.h"
#include "rig/cluster.h"

namespace rig {
namespace {

TEST(Run, TellsOutputErrorsAndExitCode) {
  const Finished done =
      run({"sh", "-c", "read line; echo \"got $line\"; echo bad >&2; exit 3"}, {.input = "it\n"});
  EXPECT_EQ(done.out, "got it\n");
  EXPECT_EQ(done.err, "bad\n");
  EXPECT_EQ(done.exit_code, 3);
}

TEST(Run, KillsTheWholeGroupAtItsLimit) {
  const Finished done = run({"sh", "-c", "sleep 60 & sleep 60"}, {.limit = Milliseconds(200)});
  EXPECT_TRUE(done.timed_out);
  EXPECT_LT(done.took, Milliseconds(5000));
}

TEST(Process, IsGoneWithItsOwner) {
  pid_t pid = -1;
  {
    const Process sleeper({"sleep", "60"});
    pid = sleeper.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(TempFolder, IsGoneWithItsOwner) {
  std::filesystem::path path;
  {
    const TempFolder folder;
    path = folder.path();
    folder.write("a", "b");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Cgroup, KillsWhatOutgrowsItsLimitAndCountsIt) {
  if (!cgroups_unavailable().empty()) {
    EXPECT_THROW(MemoryCgroup(64 << 20), std::runtime_error);  // and says so instead of pretending
    return;
  }
  const MemoryCgroup group(32 << 20);
  EXPECT_EQ(group.usage().limit, 32 << 20);
  Process glutton({"sh", "-c", "x=$(head -c 200000000 /dev/zero | tr '\\0' x)"},
                  {.cgroup_procs = group.procs()});
  EXPECT_TRUE(glutton.wait(Milliseconds(20'000)));
  EXPECT_GT(group.usage().oom_kills, 0);
}

TEST(KeySlot, HashesOnlyTheTag) {
  EXPECT_EQ(key_slot("123456789"), 12739);
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("{user1000}.followers"));
  EXPECT_NE(key_slot("{}a"), key_slot("{}b"));
}

class EachVersion : public testing::TestWithParam<ServerVersion> {};
INSTANTIATE_TEST_SUITE_P(Servers, EachVersion, testing::ValuesIn(installed_versions()),
                         version_name<testing::TestParamInfo<ServerVersion>>);

TEST_P(EachVersion, MakesAClusterThatItsOwnToolFindsClean) {
  const TestCluster cluster(GetParam(), {.primaries = 2, .empty_primaries = 1, .replicas = 1});
  EXPECT_EQ(cluster.size(), 6);
  EXPECT_EQ(cluster.slots_of(0), kSlots / 2);
  EXPECT_EQ(cluster.slots_of(2), 0);
  const Judgement judgement = cluster.check();
  EXPECT_TRUE(judgement.clean) << judgement.text;
}

TEST_P(EachVersion, ComesBackAsTheSameNodeAfterAHardKill) {
  const TempFolder folder;
  Server server(GetParam(), folder.path() / "node", {.aof = true});
  const std::string id = server.command({"CLUSTER", "MYID"}).text;
  const pid_t before = server.pid();
  server.kill_hard();
  EXPECT_FALSE(server.running());
  server.restart();
  EXPECT_NE(server.pid(), before);
  EXPECT_EQ(server.command({"CLUSTER", "MYID"}).text, id);
}

TEST(TestCluster, SpeaksTlsWithUsersWhenAsked) {
  ClusterOptions options{.primaries = 3, .replicas = 1, .tls = true};
  options.server.user = "mover";
  options.server.password = "s3cret";
  options.server.acl = "~* +cluster +ping";
  const TestCluster cluster(version_named("r70"), options);
  Client client(cluster.node(0).client_endpoint());
  EXPECT_EQ(client.command({"PING"}).text, "PONG");
  EXPECT_TRUE(client.command({"GET", "a"}).text.starts_with("NOPERM"));
  const Judgement judgement = cluster.check();
  EXPECT_TRUE(judgement.clean) << judgement.text;
}

TEST(TestCluster, GrowsByAPrimaryThatAllKnow) {
  TestCluster cluster(version_named("r70"), {.primaries = 2});
  const int added = cluster.add_empty_primary();
  EXPECT_EQ(cluster.view_of(0).size(), 3U);
  EXPECT_EQ(cluster.slots_of(added), 0);
}

}  // namespace
}  // namespace rig
