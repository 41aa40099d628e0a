#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <sstream>
#include <thread>

#include "redis/key_slot.h"
#include "redis/sizes.h"
#include "redis_support.h"

namespace rebalance {
namespace {

constexpr int kKeys = 1'000'000;
constexpr int kCrowd = 50'000;

// One primary with all slots.
class Sizes : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  void start(const std::vector<std::string>& config = {}) {
    rig::ClusterOptions options{.primaries = 1};
    options.server.config = config;
    options.server.debug = true;
    cluster_ = std::make_unique<rig::TestCluster>(GetParam(), options);
    connection_ = Connection::open(options_to(cluster_->node(0).endpoint())).value();
    connection_->set_timeout(Millis(60'000));
  }
  void run(const std::vector<Args>& commands) {
    const auto replies = connection_->pipeline(commands).value();
    for (const auto& reply : replies) ASSERT_FALSE(reply.is_error()) << reply.text;
  }
  NodeState node() { return observe_node(*connection_, "pod-0").value(); }
  SlotSizes measure() { return measure_slots(*connection_, node()).value(); }

  std::unique_ptr<rig::TestCluster> cluster_;
  std::optional<Connection> connection_;
};
INSTANTIATE_TEST_SUITE_P(Versions, Sizes, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

std::int64_t sum(const auto& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

// Sizes from 16 bytes to 16 KiB; the server's own growth is the judge.
TEST_P(Sizes, OfMixedValuesAddUpToWhatTheServerUses) {
  start({"save \"\""});
  const auto empty = node().memory.used;
  std::vector<Args> commands;
  for (int i = 0; i < 60'000; ++i) {
    commands.push_back(
        {"SET", "key:" + std::to_string(i), std::string(static_cast<std::size_t>(16 << (i * 7 % 11)), 'v')});
  }
  run(commands);
  const auto grown = static_cast<double>(node().memory.used - empty);
  const auto sizes = measure();
  EXPECT_EQ(sum(sizes.keys), 60'000);
  EXPECT_NEAR(static_cast<double>(sum(sizes.bytes)), grown, 0.05 * grown);
  EXPECT_LT(sizes.error_percent, 10);
}

TEST_P(Sizes, TellFullSlotsFromEmptyOnes) {
  start();
  run({{"SET", "{a}1", std::string(1'000'000, 'x')}, {"SET", "{b}1", "small"}});
  const auto sizes = measure();
  EXPECT_NEAR(static_cast<double>(sizes.bytes[key_slot("a")]), 1'000'000, 100'000);
  EXPECT_LT(sizes.bytes[key_slot("b")], 1000);
  EXPECT_EQ(sizes.keys[key_slot("a")], 1);
  EXPECT_EQ(sum(sizes.keys), 2);
}

// Somebody else moves a slot: a key that was listed answers ASK a moment later.
TEST_P(Sizes, AreHadWhileASlotIsOnItsWayElsewhere) {
  cluster_ = std::make_unique<rig::TestCluster>(GetParam(), rig::ClusterOptions{.primaries = 2});
  const Slot slot = key_slot("a");
  const int owner = cluster_->owner_of(slot);
  const auto options = options_to(cluster_->node(owner).endpoint());
  connection_ = Connection::open(options).value();
  const auto other = cluster_->node_id(1 - owner);
  const std::jthread mover([&](const std::stop_token& stop) {
    auto connection = Connection::open(options).value();
    const auto setslot = [&](const Args& how) {
      Args command{"CLUSTER", "SETSLOT", std::to_string(slot)};
      command.insert(command.end(), how.begin(), how.end());
      return command;
    };
    Args all{"MSET"}, gone{"UNLINK"};
    for (int i = 0; i < 300; ++i) {
      const auto key = "{a}" + std::to_string(i);
      all.insert(all.end(), {key, "value"});
      gone.push_back(key);
    }
    while (!stop.stop_requested()) {
      (void)connection.pipeline(std::vector<Args>{setslot({"STABLE"}), all});
      (void)connection.pipeline(std::vector<Args>{setslot({"MIGRATING", other}), gone});
    }
  });
  for (int i = 0; i < 100; ++i) {
    const auto sizes = measure_slots(*connection_, node());
    ASSERT_TRUE(sizes) << sizes.error().message;
  }
}

TEST_P(Sizes, BigKeysAreFoundAlsoInASlotTooLargeToList) {
  start();
  std::vector<Args> commands;
  for (int i = 0; i < 3000; ++i) commands.push_back({"SET", "{big}" + std::to_string(i), "v"});
  commands.push_back({"SET", "{big}huge", std::string(300'000, 'x')});
  for (int i = 0; i < 4000; ++i)
    commands.push_back({"HSET", "hash", "field" + std::to_string(i), std::string(100, 'x')});
  commands.push_back({"SET", "small", "v"});
  run(commands);
  const auto found = find_big_keys(*connection_, node().slots, 200'000).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].key, "hash");
  EXPECT_EQ(found[0].type, "hash");
  EXPECT_GT(found[0].bytes, 400'000);
  EXPECT_EQ(found[1].key, "{big}huge");
  EXPECT_EQ(found[1].type, "string");
  EXPECT_EQ(found[1].slot, key_slot("big"));
}

// Where the server counts bytes for us, it is asked.
TEST_P(Sizes, AreExactWhereTheServerCounts) {
  if (GetParam().is_valkey() || !GetParam().at_least(8, 4)) {
    start();
    EXPECT_FALSE(measure().exact);
    return;
  }
  start({"cluster-slot-stats-enabled yes"});
  run({{"SET", "{a}1", std::string(1'000'000, 'x')}});
  const auto sizes = measure();
  EXPECT_TRUE(sizes.exact);
  EXPECT_EQ(sizes.error_percent, 0);
  EXPECT_GT(sizes.bytes[key_slot("a")], 1'000'000);
}

// Of one call, in microseconds; the most of those that measuring uses.
double slowest_mean(const std::string& info) {
  double slowest = 0;
  std::istringstream lines(info);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find("usec_per_call=");
    const bool ours = line.starts_with("cmdstat_cluster") || line.starts_with("cmdstat_memory|usage");
    if (ours && at != std::string::npos) slowest = std::max(slowest, std::stod(line.substr(at + 14)));
  }
  return slowest;
}

// The slow log would also show when the machine took the processor away, so the mean of each command is
// judged.
TEST_P(Sizes, OfAMillionKeysBlockNobody) {
  start({"save \"\""});
  run({{"DEBUG", "POPULATE", std::to_string(kKeys), "key", "100"}});
  std::vector<Args> crowd;  // in one slot
  for (int i = 0; i < kCrowd; ++i) crowd.push_back({"SET", "{crowd}" + std::to_string(i), "v"});
  run(crowd);
  const auto seen = node();
  run({{"CONFIG", "RESETSTAT"}});
  const auto start = BootClock::now();
  const auto sizes = measure_slots(*connection_, seen).value();
  RecordProperty("milliseconds",
                 std::to_string(std::lround(1000 * seconds_between(start, BootClock::now()))));
  EXPECT_EQ(sum(sizes.keys), kKeys + kCrowd);
  EXPECT_LT(slowest_mean(connection_->command({"INFO", "commandstats"}).value().text),
            5000);  // microseconds; a few hundred on a quiet machine
}

}  // namespace
}  // namespace rebalance
