// Large keys of every type go in pieces between real servers, while clients change them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "migrate/live_copy.h"
#include "rig/digest.h"
#include "rig/fill.h"
#include "servers/migrate_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using rig::Arguments;
using testing::HasSubstr;

constexpr int kSlot = 5, kShadowSlot = 16'000;  // of the second primary
const std::vector<std::string> kTypes{"hash", "set", "sorted", "list", "text"};

std::string bytes(int count) {
  return std::string(static_cast<std::size_t>(count), 'x') + std::string("\0\r\n\xff", 4);
}

// A megabyte or two of each type.
std::vector<Arguments> large_keys(const std::string& tag) {
  std::map<std::string, Arguments> add{
      {"hash", {"HSET"}}, {"set", {"SADD"}}, {"sorted", {"ZADD"}}, {"list", {"RPUSH"}}};
  std::vector<Arguments> commands;
  for (int part = 0; part < 20; ++part) {
    for (auto& [type, command] : add) command = {command[0], tag + type};
    for (int i = part * 500; i < part * 500 + 500; ++i) {
      const auto name = "element" + std::to_string(i);
      for (const auto& word : {name, bytes(100 + i % 50)}) add["hash"].push_back(word);
      add["set"].push_back(name + bytes(60));
      for (const auto& word :
           {std::to_string(i) + "." + std::to_string(1.0 / (i + 3)).substr(2), name + bytes(40)})
        add["sorted"].push_back(word);
      add["list"].push_back(name + bytes(i % 200));
    }
    for (const auto& [type, command] : add) commands.push_back(command);
    commands.push_back({"APPEND", tag + "text", bytes(70'000)});
  }
  commands.push_back({"ZADD", tag + "sorted", "inf", "i", "-inf", "j", "-0", "k", "1e300", "l", "4.9e-324",
                      "m", "0.1", "n"});
  commands.push_back({"PEXPIREAT", tag + "hash", "4000000000123"});
  commands.push_back({"PEXPIREAT", tag + "list", "4000000000987"});
  return commands;
}

class LivePieces : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  static bool fields_expire() { return GetParam().at_least(7, 4); }
  static void fill(const rig::TestCluster& cluster, int node, const std::string& tag) {
    auto client = cluster.node(node).connect();
    for (const auto& command : large_keys(tag)) client.must(command);
    if (!fields_expire()) return;
    for (int i = 0; i < 300; ++i)
      client.must({"HPEXPIREAT", tag + "hash", std::to_string(4'000'000'000'000 + i / 7), "FIELDS", "1",
                   "element" + std::to_string(i * 31)});
  }
  static BatchJob live_job(const rig::TestCluster& cluster, const SlotSet& slots) {
    auto batch = job(cluster, 0, 1, slots);
    batch.engine = Engine::kLiveCopy;
    return batch;
  }
  BatchResult run(const BatchJob& batch, std::stop_token stop = {}) {
    return run_batch(batch, hooks.hooks(), stop);
  }
  static std::int64_t calls(const rig::TestCluster& cluster, int node, const std::string& command) {
    const auto info = cluster.command(node, {"INFO", "commandstats"}).text;
    const auto at = info.find("cmdstat_" + command + ":calls=");
    return at == std::string::npos ? 0 : std::stoll(info.substr(info.find('=', at) + 1));
  }
  static void expect_nothing_staged(const rig::TestCluster& cluster) {
    EXPECT_EQ(cluster.command(1, {"CLUSTER", "COUNTKEYSINSLOT", std::to_string(kSlot)}).integer, 0);
    EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  }
  // Before 7.0 nothing tells the instant itself.
  static rig::Milliseconds tolerance() { return rig::Milliseconds(GetParam().at_least(7, 0) ? 0 : 2); }

  const std::string tag = key_in(kSlot, 0), shadow = key_in(kShadowSlot, 0);
  TestHooks hooks;
};

INSTANTIATE_TEST_SUITE_P(Versions, LivePieces, testing::ValuesIn(live_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LivePieces);

TEST_P(LivePieces, LargeKeysOfEveryTypeArriveWithTheirExpiriesAndNoneIsReadWhole) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .replicas = 1});
  fill(cluster, 0, tag);
  const auto before = rig::digest(cluster.seed());
  cluster.command(0, {"CONFIG", "RESETSTAT"});  // the digest reads whole
  auto batch = live_job(cluster, range(0, 9));
  batch.options.source_replicas = batch.options.target_replicas = 1;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 9));
  EXPECT_FALSE(result.left_to_key_by_key);
  EXPECT_EQ(calls(cluster, 0, "dump"), 0);
  for (const auto* read : {"hscan", "sscan", "zscan", "lrange", "getrange"})
    EXPECT_GT(calls(cluster, 0, read), 1) << read;
  const auto difference = rig::compare(before, rig::digest(cluster.seed()), tolerance());
  EXPECT_TRUE(difference.none()) << difference.examples;
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  expect_replicas_follow(cluster);
}

// A client that changes the large keys, and does the same to keys that stay where they are.
class Changes {
 public:
  Changes(const rig::TestCluster& cluster, std::string tag, std::string shadow, bool fields_expire)
      : nodes_{cluster.node(0).connect(), cluster.node(1).connect()},
        shadows_(cluster.node(1).connect()),
        tag_(std::move(tag)),
        shadow_(std::move(shadow)),
        fields_expire_(fields_expire) {}

  void one() {
    const auto command = next();
    shadows_.must(on(shadow_, command));
    apply(on(tag_, command));
    ++made_;
  }
  int made() const { return made_; }

 private:
  static Arguments on(const std::string& tag, Arguments command) {
    command[1] = tag + command[1];
    return command;
  }
  Arguments next() {
    const auto i = std::to_string(random_() % 10'000),
               at = std::to_string(4'100'000'000'000 + random_() % 1000);
    switch (random_() % (fields_expire_ ? 13 : 12)) {
      case 0: return {"HSET", "hash", "element" + i, "changed" + i};
      case 1: return {"HDEL", "hash", "element" + i, "new" + i};
      case 2: return {"HSET", "hash", "new" + i, bytes(500)};
      case 3: return {"LPUSH", "list", "first" + i};
      case 4: return {"LTRIM", "list", "3", "-2"};
      case 5: return {"ZADD", "sorted", "1.7e17", "new" + i};
      case 6: return {"ZREMRANGEBYRANK", "sorted", "40", "49"};
      case 7: return {"SADD", "set", "new" + i};
      case 8: return {"SREM", "set", "new" + i};
      case 9: return {"SETRANGE", "text", i, "changed"};
      case 10: return {"PEXPIREAT", kTypes[random_() % kTypes.size()], at};
      case 11: return {"PERSIST", kTypes[random_() % kTypes.size()]};
      default: return {"HPEXPIREAT", "hash", at, "FIELDS", "1", "element" + i};
    }
  }
  void apply(const Arguments& command) {
    for (int from = 0, tries = 0; tries < 1000; ++tries) {
      const auto reply = nodes_[from].command(command);
      if (!reply.is_error()) return;
      if (reply.text.starts_with("ASK")) {
        nodes_[1].must({"ASKING"});
        if (!nodes_[1].command(command).is_error()) return;
      }
      from = reply.text.starts_with("MOVED") ? 1 - from : from;
      rig::nap(rig::Milliseconds(1));
    }
    ADD_FAILURE() << command[0] << " finds nobody that serves it";
  }

  rig::Client nodes_[2], shadows_;
  std::string tag_, shadow_;
  bool fields_expire_;
  std::mt19937 random_{11};
  int made_ = 0;
};

void expect_same(const rig::TestCluster& cluster, const std::string& tag, const std::string& shadow) {
  const auto keys = rig::digest(cluster.seed()).keys;
  for (const auto& type : kTypes) {
    ASSERT_TRUE(keys.contains(tag + type)) << type;
    EXPECT_EQ(keys.at(tag + type).content, keys.at(shadow + type).content) << type;
    EXPECT_NEAR(static_cast<double>(keys.at(tag + type).expires_at),
                static_cast<double>(keys.at(shadow + type).expires_at), 2)
        << type;
  }
}

// Between the round trips of the engine: at first between any two, then ever more rarely, so that it ends.
TEST_P(LivePieces, WhatClientsChangeBetweenAnyTwoPiecesIsThereAfterwards) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  fill(cluster, 1, shadow);
  Changes changes(cluster, tag, shadow, fields_expire());
  int rounds = 0, next = 1;
  hooks.progress.act = [&](const PairProgress&) {
    if (++rounds < next) return;
    next = rounds + 1 + rounds / 8;
    changes.one();
  };
  const auto result = run(live_job(cluster, range(0, 9)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 9));
  EXPECT_GT(changes.made(), 20);
  expect_same(cluster, tag, shadow);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(LivePieces, WhatClientsChangeAtAnyTimeIsThereAfterwardsMovedOrNot) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  fill(cluster, 1, shadow);
  Changes changes(cluster, tag, shadow, fields_expire());
  std::jthread client([&](const std::stop_token& stop) {
    for (; !stop.stop_requested(); rig::nap(rig::Milliseconds(100))) changes.one();
  });
  const auto result = run(live_job(cluster, range(0, 9)));
  client.request_stop();
  client.join();
  EXPECT_EQ(why(result), "");
  for (const auto& skipped : result.skipped) EXPECT_THAT(skipped.reason, HasSubstr("TooHot"));
  EXPECT_EQ(result.done.size() + static_cast<int>(result.skipped.size()), 10);
  std::cout << changes.made() << " changes, " << result.retries << " refused hand-overs, "
            << result.skipped.size() << " too hot\n";
  expect_same(cluster, tag, shadow);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(LivePieces, AKeyThatIsDeletedOrExpiresBetweenTwoPiecesDoesNotComeBack) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  auto source = cluster.node(0).connect();
  bool done = false;
  hooks.progress.act = [&](const PairProgress&) {
    if (calls(cluster, 0, "hscan") == 0 || std::exchange(done, true)) return;
    source.must({"DEL", tag + "set"});
    source.must({"SADD", tag + "set", "only this"});
    source.must({"PEXPIRE", tag + "hash", "1"});
    source.must({"DEL", tag + "list"});
  };
  const auto result = run(live_job(cluster, range(0, 9)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 9));
  auto target = cluster.node(1).connect();
  EXPECT_EQ(target.must({"EXISTS", tag + "hash", tag + "list"}).integer, 0);
  EXPECT_EQ(target.must({"SCARD", tag + "set"}).integer, 1);
  EXPECT_EQ(target.must({"ZCARD", tag + "sorted"}).integer, 10'006);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(LivePieces, ACopyThatTheTargetLosesBetweenTwoPiecesIsMadeAnew) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  const auto before = rig::digest(cluster.seed());
  bool done = false;
  hooks.progress.act = [&](const PairProgress&) {
    if (calls(cluster, 0, "hscan") > 2 && !std::exchange(done, true)) cluster.command(1, {"FLUSHALL"});
  };
  const auto result = run(live_job(cluster, range(0, 9)));
  EXPECT_EQ(why(result), "");
  EXPECT_TRUE(done);
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), tolerance()).none());
}

TEST_P(LivePieces, AStopBetweenTwoPiecesLeavesTheTargetClean) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  const auto before = rig::digest(cluster.seed());
  std::stop_source stop;
  hooks.progress.act = [&](const PairProgress&) {
    if (calls(cluster, 0, "zscan") > 1) stop.request_stop();
  };
  const auto result = run(live_job(cluster, range(0, 9)), stop.get_token());
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kStopped);
  expect_nothing_staged(cluster);
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed())).none());
}

TEST_P(LivePieces, ConnectionsThatEndBetweenPiecesCostNothing) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  const auto before = rig::digest(cluster.seed());
  int rounds = 0;
  hooks.progress.act = [&](const PairProgress&) {
    if (++rounds % 23 != 0 || rounds > 300) return;
    auto client = cluster.node(rounds % 2).connect();
    client.command({"CLIENT", "KILL", "TYPE", rounds % 3 == 0 ? "pubsub" : "normal", "SKIPME", "yes"});
  };
  auto batch = live_job(cluster, range(0, 9));
  batch.options.attempts = 50;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 9));
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), tolerance()).none());
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

// Nobody waits for it: none of its commands is a large one.
TEST_P(LivePieces, AHashOf100MegabytesGoesInPieces) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .server = {.node_timeout_ms = 15'000}});
  const auto key = tag + "huge";
  rig::write_big_hash(cluster.seed(), key, 100'000'000);
  auto target = cluster.node(1).connect();
  const auto result = run(live_job(cluster, range(kSlot, kSlot)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(kSlot, kSlot));
  EXPECT_EQ(target.must({"HLEN", key}).integer, 100'000);
  EXPECT_GE(calls(cluster, 0, "hscan"), 100'000'000 / Pace::kMaxChunk);
  EXPECT_EQ(calls(cluster, 0, "dump") + calls(cluster, 0, "migrate"), 0);
}

// Tracking tells of a change after each of the reads.
TEST_P(LivePieces, EveryReadOfAPieceIsTracked) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  fill(cluster, 0, tag);
  auto client = cluster.node(0).connect();
  auto reader = Connection::open(member(cluster, 0).access).value();
  auto told = Connection::open(member(cluster, 0).access).value();
  const auto id = std::to_string(told.command({"CLIENT", "ID"}).value().integer);
  told.keep_messages();
  EXPECT_FALSE(told.command({"SUBSCRIBE", "__redis__:invalidate"}).value().is_error());
  EXPECT_TRUE(reader.command({"CLIENT", "TRACKING", "ON", "REDIRECT", id}).value().is_ok());
  const std::vector<std::pair<Arguments, Arguments>> reads{
      {{"HSCAN", "hash", "0", "COUNT", "10"}, {"HSET", "hash", "field", "value"}},
      {{"SSCAN", "set", "0", "COUNT", "10"}, {"SADD", "set", "element"}},
      {{"ZSCAN", "sorted", "0", "COUNT", "10"}, {"ZADD", "sorted", "1", "element"}},
      {{"LRANGE", "list", "10", "20"}, {"LPUSH", "list", "element"}},
      {{"GETRANGE", "text", "10", "20"}, {"APPEND", "text", "more"}},
      {{"TYPE", "hash"}, {"PEXPIRE", "hash", "1000000"}}};
  for (auto [read, write] : reads) {
    read[1] = tag + read[1];
    write[1] = tag + write[1];
    EXPECT_FALSE(reader.command(read).value().is_error()) << read[0];
    client.must(write);
    EXPECT_FALSE(told.command({"PING"}).value().is_error());
    const auto messages = told.take_messages();
    ASSERT_EQ(messages.size(), 1U) << read[0];
    EXPECT_EQ(messages[0].items[2].items[0].text, write[1]);
  }
}

}  // namespace
}  // namespace rebalance
