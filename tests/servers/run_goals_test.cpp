// `run` towards each goal on real servers, judged by what the servers hold afterwards and by redis-cli.
#include <map>

#include "servers/run_rig.h"

namespace rebalance {
namespace {

class EveryVersion : public testing::TestWithParam<rig::ServerVersion> {};
class LongEveryVersion : public EveryVersion {};
class TwoVersions : public testing::TestWithParam<rig::ServerVersion> {};

INSTANTIATE_TEST_SUITE_P(Run, EveryVersion, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
INSTANTIATE_TEST_SUITE_P(LongRun, LongEveryVersion, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
INSTANTIATE_TEST_SUITE_P(Run, TwoVersions, testing::ValuesIn(two_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

constexpr int kShortLived = 300;

void write_short_lived(const rig::TestCluster& cluster) {
  const auto topology = rig::Topology::read(cluster.seed());
  std::map<int, std::vector<rig::Arguments>> commands;
  for (int i = 0; i < kShortLived; ++i) {
    const auto key = "short:" + std::to_string(i);
    commands[topology.owner[static_cast<std::size_t>(rig::key_slot(key))]].push_back(
        {"SET", key, "x", "PX", std::to_string(500 + 20 * i)});
  }
  for (const auto& [owner, batch] : commands)
    rig::Client(topology.primaries[static_cast<std::size_t>(owner)]).pipeline(batch);
}

int short_lived_left(const rig::TestCluster& cluster) {
  std::size_t left = 0;
  for (const auto& primary : rig::Topology::read(cluster.seed()).primaries)
    left += rig::Client(primary).must({"KEYS", "short:*"}).elements.size();
  return static_cast<int>(left);
}

const std::string kLibrary =
    "#!lua name=shop\nredis.register_function('greet', function(keys, args) return 'hello' end)";

void load_functions(const rig::TestCluster& cluster) {
  for (int i = 0; i < cluster.primaries(); ++i) cluster.command(i, {"FUNCTION", "LOAD", kLibrary});
}

void expect_functions(const rig::TestCluster& cluster) {
  const auto key = "greeted";
  const int owner = cluster.owner_of(rig::key_slot(key));
  EXPECT_EQ(cluster.command(owner, {"FCALL", "greet", "1", key}).text, "hello");
}

// The broad one: an empty primary joins three, takes its share, and is drained again; with a replica of each,
// append-only files, keys of all kinds, some about to expire, a source that may evict, a writer all the
// while.
void join_and_leave(const rig::ServerVersion& version, int weight) {
  rig::TestCluster cluster(version,
                           {.primaries = 3, .empty_primaries = 1, .replicas = 1, .server = {.aof = true}});
  const bool functions = version.at_least(7, 0);
  if (functions) load_functions(cluster);
  cluster.command(0, {"CONFIG", "SET", "maxmemory", "300mb"});
  cluster.command(0, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  rig::fill(cluster.seed(), {.keys = 5000});
  write_short_lived(cluster);
  const auto before = rig::digest(cluster.seed());
  rig::Writer writer(cluster.seed(), {.operations_per_second = 300});

  Work work(cluster, kAtOnce);
  work.aim("type: Balance\nbalance: {metric: Slots, weights: [{pod: redis-3, weight: " +
           std::to_string(weight) + "}]}");
  const auto joined = work.run();
  ASSERT_EQ(joined.exit_code, kDone) << joined.out;
  const double share = static_cast<double>(weight) / (300 + weight);
  EXPECT_NEAR(static_cast<double>(cluster.slots_of(3)), rig::kSlots * share, rig::kSlots * share * 0.06);
  work.expect_nothing_left();

  work.aim(drain_of("redis-3"));
  const auto drained = work.run();
  ASSERT_EQ(drained.exit_code, kDone) << drained.out;
  EXPECT_EQ(cluster.slots_of(3), 0);
  work.expect_nothing_left();

  expect_nothing_lost(writer);
  expect_clean(cluster);
  expect_same_data(before, digest_without(cluster.seed(), "writer:"));
  expect_replicas_follow(cluster);
  if (functions) expect_functions(cluster);
  EXPECT_TRUE(rig::wait_until([&] { return short_lived_left(cluster) == 0; }, rig::Milliseconds(30'000)));
}

// A small share in the short form: Valkey 8 and later waits for the replicas at each SETSLOT.
TEST_P(EveryVersion, AnEmptyPrimaryTakesItsShareAndGivesItBack) { join_and_leave(GetParam(), 10); }
TEST_P(LongEveryVersion, AnEmptyPrimaryTakesAFullShareAndGivesItBack) { join_and_leave(GetParam(), 100); }

TEST_P(TwoVersions, WeightsDecideTheShares) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 3000});
  const auto before = rig::digest(cluster.seed());
  Work work(cluster);
  work.aim(
      "type: Balance\nbalance: {metric: Slots, weights: [{pod: redis-3, weight: 200}, {pod: redis-0, weight: "
      "50}]}");
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  constexpr double kShares = 0.5 + 1 + 1 + 2;
  const std::vector<double> shares = {0.5, 1, 1, 2};
  for (int i = 0; i < 4; ++i) {
    const double wanted = rig::kSlots * shares[static_cast<std::size_t>(i)] / kShares;
    EXPECT_NEAR(static_cast<double>(cluster.slots_of(i)), wanted, wanted * 0.05) << "node " << i;
  }
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

TEST_P(TwoVersions, AssignedSlotsGoExactlyWhereTheyAreAssigned) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 3000});
  const auto before = rig::digest(cluster.seed());
  auto wanted = cluster.owners();
  for (int slot = 0; slot <= 99; ++slot) wanted[static_cast<std::size_t>(slot)] = 2;
  wanted[4000] = 2;
  for (int slot = 10'900; slot <= 10'950; ++slot) wanted[static_cast<std::size_t>(slot)] = 0;
  Work work(cluster);
  work.aim(
      "type: Move\nmove: {assignments: [{slots: \"0-99,4000\", to: redis-2}, {slots: \"10900-10950\", to: "
      "redis-0}]}");
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster.owners(), wanted);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

// Each gives and takes at once, and raises its config epoch while its neighbour takes slots from it.
TEST_P(EveryVersion, ARingOfMovesLosesNothing) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 6000});
  const auto before = rig::digest(cluster.seed());
  auto wanted = cluster.owners();
  for (int slot = 0; slot < 200; ++slot) wanted[static_cast<std::size_t>(slot)] = 1;
  for (int slot = 6000; slot < 6200; ++slot) wanted[static_cast<std::size_t>(slot)] = 2;
  for (int slot = 12'000; slot < 12'200; ++slot) wanted[static_cast<std::size_t>(slot)] = 0;
  Work work(cluster);
  work.aim(
      "type: Move\nmove: {assignments: [{slots: \"0-199\", to: redis-1}, {slots: \"6000-6199\", to: "
      "redis-2}, "
      "{slots: \"12000-12199\", to: redis-0}]}",
      "batch: {maxSlots: 40}\n");
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster.owners(), wanted);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

TEST_P(TwoVersions, SlotsWithoutAKeyMoveAsWell) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  Work work(cluster);
  work.aim(move_of("0-2000", "redis-1"));
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster.slots_of(1), rig::kSlots / 2 + 2001);
  expect_clean(cluster);
}

TEST_P(TwoVersions, ABalancedClusterIsLeftAsItIs) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3});
  rig::fill(cluster.seed(), {.keys = 6000, .max_value_bytes = 200});
  const auto owners = cluster.owners();
  Work work(cluster);
  work.aim("type: Balance\nbalance: {metric: Slots}");
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster.owners(), owners);
}

// A cache at its maxmemory: it evicts while it gives, but nothing that it did not evict is gone.
TEST_P(TwoVersions, ASourceThatEvictsLosesNoMoreThanItEvicts) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 9000, .ttl_share = 0});
  const auto used = std::stoll(rig::info_field(cluster.command(0, {"INFO", "memory"}).text, "used_memory"));
  cluster.command(0, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  cluster.command(0, {"CONFIG", "SET", "maxmemory", std::to_string(used + (used / 100))});
  const auto before = rig::digest(cluster.seed());
  rig::Writer writer(cluster.seed(), {.operations_per_second = 500, .keys = 20'000, .value_bytes = 2000});
  ASSERT_TRUE(rig::wait_until(
      [&] { return rig::info_field(cluster.command(0, {"INFO", "stats"}).text, "evicted_keys") != "0"; },
      rig::Milliseconds(30'000)));
  Work work(cluster);
  work.aim("type: Balance");
  const auto finished = work.run();
  writer.stop();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  expect_clean(cluster);
  const auto difference = rig::compare(before, digest_without(cluster.seed(), "writer:"));
  const auto evicted =
      std::stoll(rig::info_field(cluster.command(0, {"INFO", "stats"}).text, "evicted_keys"));
  EXPECT_LE(difference.lost, evicted);
  EXPECT_EQ(difference.changed, 0) << difference.examples;
  for (int i = 1; i < cluster.size(); ++i)
    EXPECT_EQ(rig::info_field(cluster.command(i, {"INFO", "stats"}).text, "evicted_keys"), "0");
}

constexpr std::int64_t kBigKey = 100LL << 20;

TEST_P(TwoVersions, AKeyOf100MegabytesMovesAmongSmallOnes) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .server = {.node_timeout_ms = 15'000}});
  rig::fill(cluster.seed(), {.keys = 3000});
  rig::write_big_hash(cluster.seed(), "big{a}", kBigKey);
  const auto before = rig::digest(cluster.seed());
  const int slot = rig::key_slot("a");
  const int to = 1 - cluster.owner_of(slot);
  Work work(cluster);
  work.aim(
      move_of(std::to_string(slot - 20) + "-" + std::to_string(slot + 20), "redis-" + std::to_string(to)), "",
      2LL << 30);
  const auto finished = work.run();
  ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_EQ(cluster.owner_of(slot), to);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

// Where moving it would hold the server up for half of its node timeout, it stays, and is named.
TEST_P(TwoVersions, AKeyThatWouldStallTheServerStaysAndIsNamed) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .server = {.node_timeout_ms = 1500}});
  rig::fill(cluster.seed(), {.keys = 3000});
  rig::write_big_hash(cluster.seed(), "big{a}", kBigKey);
  const auto before = rig::digest(cluster.seed());
  const int slot = rig::key_slot("a");
  const int from = cluster.owner_of(slot);
  Work work(cluster);
  work.aim(move_of(std::to_string(slot - 20) + "-" + std::to_string(slot + 20),
                   "redis-" + std::to_string(1 - from)),
           "engine: KeyByKey\n", 2LL << 30);
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  EXPECT_THAT(finished.out, testing::HasSubstr(std::to_string(slot) + ": a key of "));
  EXPECT_THAT(finished.out, testing::HasSubstr("would stall redis-" + std::to_string(from)));
  EXPECT_EQ(cluster.owner_of(slot), from);
  EXPECT_EQ(cluster.owner_of(slot - 1), 1 - from);
  EXPECT_EQ(cluster.owner_of(slot + 1), 1 - from);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

// Whether MIGRATE needs eight times the key on its source, where twice is usual (plan/headroom.h).
bool holds_outgrown(const rig::TestCluster& cluster) {
  const auto memory = cluster.command(0, {"INFO", "memory"}).text;
  return rig::info_field(memory, "mem_allocator") == "jemalloc-5.3.1";
}

// MIGRATE needs the key twice over on either side: a limit that holds the key itself may not hold that.
TEST_P(TwoVersions, AKeyWithoutRoomForItsBuffersStaysAndIsNamed) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .server = {.node_timeout_ms = 15000}});
  rig::fill(cluster.seed(), {.keys = 3000});
  rig::write_big_hash(cluster.seed(), "big{a}", kBigKey);
  const int slot = rig::key_slot("a");
  const int from = cluster.owner_of(slot);
  Work work(cluster);
  const auto goal = move_of(std::to_string(slot - 20) + "-" + std::to_string(slot + 20),
                            "redis-" + std::to_string(1 - from));
  work.aim(goal, "engine: KeyByKey\n", 300LL << 20);
  const auto tight = work.run();
  EXPECT_EQ(tight.exit_code, kDone) << tight.out;
  EXPECT_THAT(tight.out, testing::HasSubstr("has no room while it travels"));
  EXPECT_EQ(cluster.owner_of(slot), from);
  EXPECT_EQ(cluster.owner_of(slot + 1), 1 - from);
  expect_clean(cluster);
  work.amend("engine: KeyByKey\n", holds_outgrown(cluster) ? 1500LL << 20 : 600LL << 20);
  const auto roomy = work.run();
  EXPECT_EQ(roomy.exit_code, kDone) << roomy.out;
  EXPECT_THAT(roomy.out, testing::Not(testing::HasSubstr("Failure")));
  EXPECT_EQ(cluster.owner_of(slot), 1 - from) << roomy.out;
}

// A tag whose keys lie in one of these slots.
std::string tag_within(int first, int last) {
  for (int i = 0;; ++i) {
    auto tag = std::to_string(i);
    if (const int slot = rig::key_slot(tag); slot >= first && slot <= last) return tag;
  }
}

// Two pairs to one target, each with a big key, and room for the buffers of one: the keys go one by one.
TEST_P(TwoVersions, BigKeysOfTwoPairsThatHaveNoRoomTogetherGoOneAfterTheOther) {
  constexpr std::int64_t kKey = 60LL << 20;
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .server = {.node_timeout_ms = 15000}});
  const std::int64_t limit = (holds_outgrown(cluster) ? 900LL : 480LL) << 20;
  rig::fill(cluster.seed(), {.keys = 3000});
  ASSERT_NE(cluster.owner_of(5460), cluster.owner_of(5461));
  for (const auto& tag : {tag_within(5441, 5460), tag_within(5461, 5480)})
    rig::write_big_hash(cluster.seed(), "big{" + tag + "}", kKey);
  const auto before = rig::digest(cluster.seed());
  Work work(cluster);
  work.aim(move_of("5441-5480", "redis-2"), "engine: KeyByKey\n", limit);
  const auto finished = work.run();
  EXPECT_EQ(finished.exit_code, kDone) << finished.out;
  // That the second waits until the first one's buffers are freed may be told.
  for (const auto* trouble : {"Failure", "above its"})
    EXPECT_THAT(finished.out, testing::Not(testing::HasSubstr(trouble)));
  for (int slot = 5441; slot <= 5480; ++slot) EXPECT_EQ(cluster.owner_of(slot), 2) << finished.out;
  expect_stayed_under_its_ceiling(cluster, 2, limit);
  expect_clean(cluster);
  expect_same_data(before, rig::digest(cluster.seed()));
}

}  // namespace
}  // namespace rebalance
