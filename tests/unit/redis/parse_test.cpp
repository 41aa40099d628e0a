#include "redis/parse.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace rebalance {
namespace {

// Taken from real servers: a primary with slots 0-7999 of which 93 is leaving, its replica, and a second
// primary.
std::string sample(const std::string& version, const std::string& name) {
  std::ifstream file(std::string(SOURCE_FOLDER) + "/tests/unit/redis/samples/" + version + "/" + name +
                     ".txt");
  EXPECT_TRUE(file) << version << " " << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Expected {
  const char* folder;
  Version version;
};

class EveryVersion : public testing::TestWithParam<Expected> {
 protected:
  std::string text(const std::string& name) const { return sample(GetParam().folder, name); }
};
INSTANTIATE_TEST_SUITE_P(Parse, EveryVersion,
                         testing::Values(Expected{"r60", {ServerKind::kRedis, 6, 0, 16}},
                                         Expected{"r62", {ServerKind::kRedis, 6, 2, 14}},
                                         Expected{"r70", {ServerKind::kRedis, 7, 0, 15}},
                                         Expected{"r80", {ServerKind::kRedis, 8, 0, 2}},
                                         Expected{"r86", {ServerKind::kRedis, 8, 6, 3}},
                                         Expected{"v81", {ServerKind::kValkey, 8, 1, 1}},
                                         Expected{"v91", {ServerKind::kValkey, 9, 1, 2}}),
                         [](const auto& test) { return std::string(test.param.folder); });

const Gossip& own_line(const NodeView& view) {
  for (const auto& node : view.nodes) {
    if (node.myself) return node;
  }
  throw std::runtime_error("no line of its own");
}

TEST_P(EveryVersion, TellsProductAndNumber) {
  EXPECT_EQ(parse_version(Info(text("info"))).text(), GetParam().version.text());
}

TEST_P(EveryVersion, ShowsOwnersAndTheOpenSlotOfAPrimary) {
  const auto view = parse_cluster_nodes(text("nodes")).value();
  ASSERT_EQ(view.nodes.size(), 3U);
  const auto& own = own_line(view);
  EXPECT_EQ(own.role, Role::kPrimary);
  EXPECT_EQ(own.slots.text(), "0-7999");
  EXPECT_EQ(own.host, "127.0.0.1");
  EXPECT_EQ(own.bus_port, own.port + 10000);
  EXPECT_EQ(own.config_epoch, 1);
  ASSERT_EQ(view.open.size(), 1U);
  EXPECT_EQ(view.open[0].slot, 93);
  EXPECT_EQ(view.open[0].direction, OpenSlot::Direction::kMigrating);
  EXPECT_EQ(view.open[0].peer.size(), 40U);
}

TEST_P(EveryVersion, ShowsAReplicaWithItsPrimary) {
  const auto view = parse_cluster_nodes(text("nodes_replica")).value();
  const auto& own = own_line(view);
  EXPECT_EQ(own.role, Role::kReplica);
  EXPECT_TRUE(own.slots.empty());
  EXPECT_EQ(own.primary, own_line(parse_cluster_nodes(text("nodes")).value()).id);
}

TEST_P(EveryVersion, TellsItsMemory) {
  const auto memory = parse_memory(Info(text("info")));
  EXPECT_GT(memory.used, kMiB / 2);
  EXPECT_GT(memory.rss, kMiB);
  EXPECT_GT(memory.dataset, 0);
  EXPECT_EQ(memory.maxmemory, 0);
  EXPECT_EQ(memory.evicted_keys, 0);
  EXPECT_EQ(memory.holds_outgrown, text("info").find("mem_allocator:jemalloc-5.3.1") != std::string::npos);
}

TEST_P(EveryVersion, TellsItsLoad) {
  const auto load = parse_load(Info(text("info")));
  EXPECT_GT(load.clients, 0);
  EXPECT_GT(load.commands, 100);
  EXPECT_GT(load.cpu_seconds, 0);
  EXPECT_GT(load.buffers, 0);
  EXPECT_EQ(load.most_clients, GetParam().folder == std::string("r60") ? 0 : 10'000);
}

TEST(Load, CountsWhatClientsWereToldInsteadOfAnAnswer) {
  const Info info(
      "errorstat_ASK:count=2\r\nerrorstat_CLUSTERDOWN:count=4\r\nerrorstat_MOVED:count=40\r\n"
      "errorstat_TRYAGAIN:count=1\r\n");
  EXPECT_EQ(parse_load(info).redirected, 42);
  EXPECT_EQ(parse_load(info).unserved, 5);
}

TEST(Load, AddsUpHowLongCommandsTook) {
  const auto n = [](std::int64_t value) { return Reply::number(value); };
  const auto of = [&](std::vector<Reply> bounds) {
    return Reply::array(
        {Reply::string("calls"), n(9), Reply::string("histogram_usec"), Reply::array(std::move(bounds))});
  };
  const auto lasted = parse_histogram(Reply::array({Reply::string("get"), of({n(1), n(4), n(2), n(6)}),
                                                    Reply::string("set"), of({n(2), n(1), n(66), n(3)})}));
  EXPECT_EQ(lasted, (std::map<std::int64_t, std::int64_t>{{1, 4}, {2, 3}, {66, 2}}));
  EXPECT_TRUE(parse_histogram(Reply::error("NOPERM")).empty());
}

TEST_P(EveryVersion, ListsTheReplicaThatIsOnline) {
  const auto replicas = parse_replicas(Info(text("info")));
  ASSERT_EQ(replicas.size(), 1U);
  EXPECT_EQ(replicas[0].host, "127.0.0.1");
  EXPECT_GT(replicas[0].port, 0);
  EXPECT_TRUE(replicas[0].online);
}

TEST_P(EveryVersion, TellsTheStateOfTheCluster) {
  const Info info(text("cluster_info"));
  EXPECT_EQ(info.text("cluster_state"), "ok");
  EXPECT_EQ(info.number("cluster_my_epoch"), 1);
}

Gossip only_node(const std::string& address, const std::string& rest = "master - 0 0 3 connected") {
  const auto view =
      parse_cluster_nodes("07c37dfeb235213a872192d90877d0cd55635b91 " + address + " " + rest + "\n");
  return view.value().nodes.at(0);
}

TEST(ClusterNodes, ReadsAddressesOfEveryForm) {
  struct Case {
    const char* text;
    const char* host;
    int port, bus_port;
  };
  for (const auto& [text, host, port, bus_port] :
       {Case{"10.0.0.7:6379@16379", "10.0.0.7", 6379, 16379}, Case{"::1:6379@16379", "::1", 6379, 16379},
        Case{"fd00::1:2:7001@17001,pod-0.redis", "fd00::1:2", 7001, 17001},
        Case{"10.0.0.7:6379", "10.0.0.7", 6379, 0}, Case{":0@0", "", 0, 0},
        Case{":6379@16379,", "", 6379, 16379},
        Case{"10.0.0.7:6379@16379,,shard-id=abc,tls-port=6380", "10.0.0.7", 6379, 16379}}) {
    const auto node = only_node(text);
    EXPECT_EQ(node.host, host) << text;
    EXPECT_EQ(node.port, port) << text;
    EXPECT_EQ(node.bus_port, bus_port) << text;
  }
}

TEST(ClusterNodes, ReadsEveryFlagAndPassesOverNewOnes) {
  const auto node =
      only_node("1.1.1.1:1@2", "slave,fail?,noaddr,nofailover,something-new abc 0 0 7 disconnected");
  EXPECT_EQ(node.role, Role::kReplica);
  EXPECT_EQ(node.primary, "abc");
  EXPECT_TRUE(node.pfail);
  EXPECT_FALSE(node.fail);
  EXPECT_TRUE(node.noaddr);
  EXPECT_FALSE(node.link_up);
  EXPECT_TRUE(only_node("1.1.1.1:1@2", "master,fail - 0 0 7 connected").fail);
  EXPECT_TRUE(only_node("1.1.1.1:1@2", "handshake - 0 0 0 disconnected").handshake);
}

TEST(ClusterNodes, ReadsBothDirectionsOfOpenSlotsBetweenRanges) {
  const auto view =
      parse_cluster_nodes("aa 1.1.1.1:1@2 myself,master - 0 0 7 connected 0-10 12 [77-<-bb] [93->-cc]\r\n")
          .value();
  EXPECT_EQ(view.nodes[0].slots.text(), "0-10,12");
  ASSERT_EQ(view.open.size(), 2U);
  EXPECT_EQ(view.open[0], (OpenSlot{77, OpenSlot::Direction::kImporting, "bb"}));
  EXPECT_EQ(view.open[1], (OpenSlot{93, OpenSlot::Direction::kMigrating, "cc"}));
}

TEST(ClusterNodes, RefusesWhatIsNoLineAndQuotesIt) {
  for (const char* bad :
       {"aa", "aa 1.1.1.1:1@2 master - 0 0 x connected", "aa 1.1.1.1:1@2 master - 0 0 7 connected 16384",
        "aa 1.1.1.1:1@2 master - 0 0 7 connected 9-3", "aa 1.1.1.1:1@2 master - 0 0 7 connected [93]",
        "aa 1.1.1.1:1@2 master - 0 0 7"}) {
    const auto view = parse_cluster_nodes(bad);
    ASSERT_FALSE(view) << bad;
    EXPECT_NE(view.error().message.find(bad), std::string::npos);
  }
}

TEST(Info, FindsFieldsAmongSectionsAndRepeatedOnes) {
  const Info info(
      "# Server\r\nredis_version:7.0.15\r\n\r\n# "
      "Modules\r\nmodule:name=search,ver=1\r\nmodule:name=bf,ver=2\r\nempty:\r\n");
  EXPECT_EQ(info.text("redis_version"), "7.0.15");
  EXPECT_EQ(info.text("nothing"), "");
  EXPECT_EQ(info.number("nothing", -1), -1);
  EXPECT_TRUE(info.has("empty"));
  EXPECT_EQ(parse_modules(info), (std::vector<std::string>{"bf", "search"}));
}

TEST(Info, AValkeyIsNotTheRedisItClaimsToBe) {
  const auto version =
      parse_version(Info("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.0-rc2\r\n"));
  EXPECT_EQ(version.text(), "Valkey 9.1.0");
}

Reply text(const char* value) { return Reply::string(value); }

TEST_P(EveryVersion, TellsThatItsDiskIsWellAndNoOtherWasPrimary) {
  const Info info(text("info"));
  const auto disk = parse_persistence(info);
  EXPECT_EQ(disk.child, "");
  EXPECT_FALSE(disk.save_failed);
  EXPECT_FALSE(disk.aof_write_failed);
  EXPECT_EQ(disk.aof_size, 11491);
  const auto stream = parse_replication(info);
  EXPECT_EQ(stream.since_takeover, -1);
  EXPECT_FALSE(stream.full_sync);
  EXPECT_FALSE(parse_replication(Info(text("info_replica"))).full_sync);
}

TEST_P(EveryVersion, HasNoModulesBesideWhatIsBuiltIn) {
  const auto modules = parse_modules(Info(text("info")));
  const std::string folder = GetParam().folder;
  EXPECT_EQ(modules, folder == "v91"            ? std::vector<std::string>{"lua"}
                     : folder.starts_with("r8") ? std::vector<std::string>{"vectorset"}
                                                : std::vector<std::string>{});
}

TEST(Persistence, TellsWhatFailedAndWhatAChildIsAt) {
  const auto failed =
      parse_persistence(Info("aof_enabled:1\r\nrdb_last_bgsave_status:err\r\naof_last_write_status:err\r\n"));
  EXPECT_TRUE(failed.save_failed);
  EXPECT_TRUE(failed.aof_write_failed);
  EXPECT_FALSE(parse_persistence(Info("aof_enabled:0\r\naof_last_write_status:err\r\n")).aof_write_failed);
  const auto saves =
      parse_persistence(Info("rdb_bgsave_in_progress:1\r\nrdb_current_bgsave_time_sec:12\r\n"));
  EXPECT_EQ(saves.child, "an RDB file");
  EXPECT_EQ(saves.child_seconds, 12);
  const auto rewrites =
      parse_persistence(Info("aof_rewrite_in_progress:1\r\naof_current_rewrite_time_sec:3\r\n"));
  EXPECT_EQ(rewrites.child, "a new AOF");
  EXPECT_EQ(rewrites.child_seconds, 3);
  EXPECT_NE(parse_persistence(Info("module_fork_in_progress:1\r\n")).child, "");
  EXPECT_NE(parse_persistence(Info("slot_migration_fork_in_progress:1\r\n")).child, "");
}

TEST(Replication, TellsWhatWasReplicatedSinceATakeover) {
  const std::string taken =
      "role:master\r\nconnected_slaves:2\r\nmaster_repl_offset:1500\r\nsecond_repl_offset:1001\r\n";
  const auto stream = parse_replication(Info(taken + "instantaneous_output_repl_kbps:3.00\r\n"));
  EXPECT_EQ(stream.since_takeover, 500);
  EXPECT_EQ(stream.bytes_per_second, 1536);
  EXPECT_EQ(parse_replication(Info(taken)).bytes_per_second, 0);
  EXPECT_EQ(parse_replication(Info("role:slave\r\nmaster_repl_offset:9\r\nsecond_repl_offset:4\r\n"
                                   "master_sync_in_progress:1\r\n"))
                .since_takeover,
            -1);
  EXPECT_TRUE(parse_replication(Info("role:slave\r\nmaster_sync_in_progress:1\r\n")).full_sync);
}

TEST(Replication, ReadsTheBufferLimitOfReplicasByEitherName) {
  for (const char* name : {"slave", "replica"}) {
    ReplicationReading stream;
    read_buffer_limit(std::string("normal 0 0 0 ") + name + " 1000 500 7 pubsub 33554432 8388608 60", stream);
    EXPECT_EQ(stream.hard_buffer, 1000);
    EXPECT_EQ(stream.soft_buffer, 500);
    EXPECT_EQ(stream.soft_seconds, 7);
  }
  ReplicationReading unread;
  read_buffer_limit("", unread);
  EXPECT_EQ(unread.hard_buffer, 256 * kMiB);
}

TEST(Clients, TheOldestIsFound) {
  EXPECT_EQ(oldest_client("id=3 addr=1.1.1.1:1 age=12 idle=0\nid=4 addr=1.1.1.1:2 age=340 idle=1\n"), 340);
  EXPECT_EQ(oldest_client(""), -1);
  EXPECT_EQ(oldest_client("NOPERM this user has no permissions"), -1);
}

TEST(Role, ReadsAPrimaryAndAReplica) {
  const auto primary =
      parse_role(Reply::array({text("master"), Reply::number(77), Reply::array({})})).value();
  EXPECT_EQ(primary.role, Role::kPrimary);
  EXPECT_EQ(primary.offset, 77);
  const auto replica = parse_role(Reply::array({text("slave"), text("::1"), Reply::number(6379),
                                                text("connect"), Reply::number(-1)}))
                           .value();
  EXPECT_EQ(replica.role, Role::kReplica);
  EXPECT_EQ(replica.primary_host, "::1");
  EXPECT_FALSE(replica.link_up);
}

TEST(Role, ASentinelIsNeither) {
  EXPECT_FALSE(parse_role(Reply::array({text("sentinel"), Reply::array({})})));
}

Reply task(const char* operation, const char* state) {
  return Reply::array(
      {text("id"), text("x"), text("operation"), text(operation), text("state"), text(state)});
}

TEST(AtomicTasks, CountsWhatIsNotOver) {
  EXPECT_EQ(count_atomic_tasks(Reply::array({})), 0);
  EXPECT_EQ(count_atomic_tasks(Reply::array({task("import", "completed"), task("migrate", "failed"),
                                             task("EXPORT", "success"), task("IMPORT", "failed"),
                                             task("EXPORT", "cancelled")})),
            0);
  EXPECT_EQ(
      count_atomic_tasks(Reply::array({task("import", "accumulate-buffer"), task("EXPORT", "snapshotting")})),
      2);
}

TEST(AtomicTasks, AFailedRedisImportGoesOnTrying) {
  EXPECT_EQ(count_atomic_tasks(Reply::array({task("import", "failed")})), 1);
}

}  // namespace
}  // namespace rebalance
