// A batch is copied live between real servers, while clients write, keys expire and connections end.
#include "migrate/live_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "migrate/repair.h"
#include "rig/digest.h"
#include "rig/fill.h"
#include "rig/writer.h"
#include "servers/migrate_rig.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class LiveCopy : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  static BatchJob live_job(const rig::TestCluster& cluster, int source, int target, const SlotSet& slots) {
    auto batch = job(cluster, source, target, slots);
    batch.engine = Engine::kLiveCopy;
    return batch;
  }
  BatchResult run(const BatchJob& batch, std::stop_token stop = {}) {
    return run_batch(batch, hooks.hooks(), stop);
  }
  RepairResult repair(const rig::TestCluster& cluster) {
    RepairJob repair;
    for (int node = 0; node < cluster.size(); ++node) repair.nodes.push_back(member(cluster, node));
    repair.intents = hooks.intents.intents();
    return run_repair(repair, hooks.hooks(), {});
  }
  // Acts once, in the n-th round trip of the engine.
  void at_round(int round, std::function<void()> act) {
    hooks.progress.act = [=, rounds = 0](const PairProgress&) mutable {
      if (++rounds == round) act();
    };
  }
  // Keys of these slots on a node, whatever they are there for.
  static std::int64_t keys_on(const rig::TestCluster& cluster, int node, const SlotSet& slots) {
    std::int64_t keys = 0;
    auto client = cluster.node(node).connect();
    for_each_slot(slots, [&](Slot slot) {
      keys += client.must({"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}).integer;
    });
    return keys;
  }
  // As kill -9 of the driver: nothing more is written once the target has some copies.
  void close_gate_over_copies(const rig::TestCluster& cluster, const SlotSet& slots) {
    hooks.gate.ask = [&cluster, slots] {
      return keys_on(cluster, 1, slots) == 0 ? Status{}
                                             : Status(error(ErrorCode::kConflict, "the claim is lost"));
    };
  }
  // Before 7.0 nothing tells the instant itself: PTTL and TIME may lie on both sides of a millisecond.
  static rig::Milliseconds tolerance() { return rig::Milliseconds(GetParam().at_least(7, 0) ? 0 : 2); }

  TestHooks hooks;
};

INSTANTIATE_TEST_SUITE_P(Versions, LiveCopy, testing::ValuesIn(live_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveCopy);

TEST_P(LiveCopy, MovesEveryKindOfKeyWithItsTimeToLive) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .replicas = 1, .server = {.aof = true}});
  rig::fill(cluster.seed(), {.keys = 4000});
  const auto before = rig::digest(cluster.seed());
  auto batch = live_job(cluster, 0, 1, slots("0-499,1000"));
  batch.options.source_replicas = batch.options.target_replicas = 1;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, slots("0-499,1000"));
  EXPECT_TRUE(result.skipped.empty());
  EXPECT_GT(result.keys, 0);
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  const auto difference = rig::compare(before, rig::digest(cluster.seed()), tolerance());
  EXPECT_TRUE(difference.none()) << difference.examples;
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  expect_replicas_follow(cluster);
}

TEST_P(LiveCopy, LosesNothingThatIsWrittenMeanwhileAndHardlyAsks) {
  rig::TestCluster cluster(GetParam(), {.primaries = 3, .replicas = 1, .server = {.aof = true}});
  rig::fill(cluster.seed(), {.keys = 20'000});
  const auto before = rig::digest(cluster.seed());
  rig::Writer writer(cluster.seed(), {.operations_per_second = 800});
  auto batch = live_job(cluster, 0, 2, range(0, 1999));
  batch.options.source_replicas = batch.options.target_replicas = 1;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done.size(), 2000);
  const auto report = expect_nothing_lost(writer);
  std::cout << report.acknowledged << " acknowledged, " << report.ask << " ASK, " << report.try_again
            << " TRYAGAIN, " << result.retries << " refused hand-overs\n";
  EXPECT_LT(report.ask, 100);
  expect_same_data(before, digest_without(cluster.seed(), "writer:"));
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  expect_replicas_follow(cluster);
}

// A few keys that change all the time, in slots with others.
TEST_P(LiveCopy, HotKeysMoveOrStayAndLoseNothing) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 2000});
  rig::Writer writer(cluster.seed(), {.operations_per_second = 3000, .keys = 40});
  const auto result = run(live_job(cluster, 0, 1, range(0, 8191 - 1)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done.size() + static_cast<int>(result.skipped.size()), 8191);
  for (const auto& skipped : result.skipped) EXPECT_THAT(skipped.reason, HasSubstr("TooHot"));
  expect_nothing_lost(writer);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  std::cout << result.skipped.size() << " too hot, " << result.retries << " refused hand-overs\n";
}

TEST_P(LiveCopy, TheLastSlotsOfAPrimaryGoToo) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .empty_primaries = 1});
  rig::fill(cluster.seed(), {.keys = 500});
  const auto before = rig::digest(cluster.seed());
  auto batch = live_job(cluster, 0, 2, range(0, 8191));
  batch.options.live_group_slots = 512;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 8191));
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

TEST_P(LiveCopy, WhatExpiresOrIsFlushedMeanwhileDoesNotComeBack) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  auto source = cluster.node(0).connect();
  std::vector<std::string> expiring;
  for (int slot = 0; slot < 20; ++slot) {
    const auto tag = key_in(slot, 0);
    for (int i = 0; i < 50; ++i) {
      expiring.push_back(tag + "expires" + std::to_string(i));
      source.must({"SET", expiring.back(), "value", "PX", std::to_string(50 + i * 20)});
      source.must({"SET", tag + "stays" + std::to_string(i), "value"});
    }
  }
  at_round(12, [&] { cluster.command(0, {"FLUSHALL"}); });
  const auto result = run(live_job(cluster, 0, 1, range(0, 19)));
  ASSERT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 19));
  EXPECT_EQ(keys_on(cluster, 0, range(0, 19)), 0);
  auto target = cluster.node(1).connect();
  const auto gone = [&](const std::string& key) { return target.must({"EXISTS", key}).integer == 0; };
  EXPECT_TRUE(rig::wait_until([&] { return std::ranges::all_of(expiring, gone); }, rig::Milliseconds(5000)));
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(LiveCopy, AStreamThatIsReadByItsGroupMeanwhileKeepsWhatIsPending) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  auto source = cluster.node(0).connect();
  const auto stream = key_in(5, 0);
  for (int i = 1; i <= 200; ++i) source.must({"XADD", stream, std::to_string(i) + "-0", "field", "value"});
  source.must({"XGROUP", "CREATE", stream, "group", "0"});
  int read = 0;
  hooks.progress.act = [&](const PairProgress&) {
    if (read < 20 &&
        !source.command({"XREADGROUP", "GROUP", "group", "me", "COUNT", "1", "STREAMS", stream, ">"})
             .is_error())
      ++read;
  };
  const auto result = run(live_job(cluster, 0, 1, range(4, 6)));
  EXPECT_EQ(why(result), "");
  EXPECT_GT(read, 0);
  auto target = cluster.node(1).connect();
  EXPECT_EQ(target.must({"XPENDING", stream, "group"}).elements.at(0).integer, read);
}

TEST_P(LiveCopy, AStopInTheMiddleLeavesTheTargetClean) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 8000});
  const auto before = rig::digest(cluster.seed());
  std::stop_source stop;
  at_round(40, [&] { stop.request_stop(); });
  auto batch = live_job(cluster, 0, 1, range(0, 999));
  batch.options.live_group_slots = 64;
  const auto result = run(batch, stop.get_token());
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kStopped) << why(result);
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  auto rest = range(0, 999);
  rest.remove(result.done);
  EXPECT_FALSE(rest.empty());
  EXPECT_EQ(keys_on(cluster, 1, rest), 0);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

TEST_P(LiveCopy, AFullTargetEndsItWithTheServersWordsAndIsCleaned) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 8000});
  const auto before = rig::digest(cluster.seed());
  at_round(20, [&] { cluster.command(1, {"CONFIG", "SET", "maxmemory", "1mb"}); });
  auto batch = live_job(cluster, 0, 1, range(0, 199));
  batch.options.live_group_slots = 32;
  const auto result = run(batch);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kRefused);
  EXPECT_THAT(why(result), HasSubstr("OOM"));
  EXPECT_TRUE(result.left_open.empty());
  auto rest = range(0, 199);
  rest.remove(result.done);
  EXPECT_EQ(keys_on(cluster, 1, rest), 0);
  cluster.command(1, {"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

TEST_P(LiveCopy, AFloodMarkInTheMiddleForbidsMoreButNotToClean) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 8000});
  hooks.gate.ask_to_clear = [] { return Status{}; };
  std::atomic<bool> flooded = false;
  hooks.gate.ask = [&] {
    return flooded ? Status(error(ErrorCode::kConflict, "redis-1 is above its flood mark")) : Status{};
  };
  hooks.progress.act = [&](const PairProgress&) {  // over copies; what was handed over is not for it to end
    const bool begun = std::ranges::any_of(hooks.intents.intents(), &MoveIntent::begun);
    if (!begun && keys_on(cluster, 1, range(0, 99)) > 0) flooded = true;
  };
  auto batch = live_job(cluster, 0, 1, range(0, 99));
  batch.options.live_group_slots = 32;
  const auto ended = run(batch);
  ASSERT_TRUE(ended.error);
  EXPECT_EQ(why(ended), "redis-1 is above its flood mark");
  EXPECT_TRUE(ended.left_open.empty());
  auto rest = range(0, 99);
  rest.remove(ended.done);
  EXPECT_FALSE(rest.empty());
  EXPECT_EQ(keys_on(cluster, 1, rest), 0);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

// The driver is gone with its copies on the target, as after kill -9.
TEST_P(LiveCopy, WhatAnInterruptedRunStagedIsRemovedByARepair) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 8000});
  const auto before = rig::digest(cluster.seed());
  close_gate_over_copies(cluster, range(0, 99));
  const auto ended = run(live_job(cluster, 0, 1, range(0, 99)));
  ASSERT_TRUE(ended.error);
  ASSERT_FALSE(ended.left_open.empty());
  EXPECT_GT(keys_on(cluster, 1, ended.left_open), 0);
  hooks.gate.ask = [] { return Status{}; };
  const auto repaired = repair(cluster);
  EXPECT_FALSE(repaired.error) << repaired.error->message;
  EXPECT_TRUE(hooks.intents.intents().empty());
  EXPECT_EQ(keys_on(cluster, 1, ended.left_open), 0);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

// A move of slot 7 that ended over its copies, of which the source has lost the key of one since.
class LeftCopies : public LiveCopy {
 protected:
  void leave_copies() {
    const auto tag = key_in(7, 0);
    for (int i = 0; i < 300; ++i) source_.must({"SET", tag + std::to_string(i), "value"});
    close_gate_over_copies(cluster_, range(7, 7));
    ASSERT_TRUE(run(live_job(cluster_, 0, 1, range(7, 7))).error);
    ASSERT_GT(keys_on(cluster_, 1, range(7, 7)), 0);
    source_.must({"DEL", target_.must({"CLUSTER", "GETKEYSINSLOT", "7", "1"}).elements.at(0).text});
    hooks.gate.ask = [] { return Status{}; };
  }
  rig::TestCluster cluster_{GetParam(), {.primaries = 2}};
  rig::Client source_ = cluster_.node(0).connect(), target_ = cluster_.node(1).connect();
};

INSTANTIATE_TEST_SUITE_P(Versions, LeftCopies, testing::ValuesIn(live_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LeftCopies);

TEST_P(LeftCopies, GoWhereNoHandOverHadBegun) {
  ASSERT_NO_FATAL_FAILURE(leave_copies());
  const auto repaired = repair(cluster_);
  EXPECT_FALSE(repaired.error) << repaired.error->message;
  EXPECT_EQ(keys_on(cluster_, 1, range(7, 7)), 0);
  EXPECT_EQ(keys_on(cluster_, 0, range(7, 7)), 299);
}

TEST_P(LeftCopies, OfAKeyThatIsOnlyThereAreReportedAndNeverDeletedAfterIt) {
  ASSERT_NO_FATAL_FAILURE(leave_copies());
  ASSERT_TRUE(hooks.intents.begin(cluster_.node_id(0), cluster_.node_id(1), range(7, 7)));
  const auto repaired = repair(cluster_);
  ASSERT_TRUE(repaired.error);
  EXPECT_THAT(repaired.error->message, HasSubstr("1 key(s) of slots 7"));
  EXPECT_EQ(keys_on(cluster_, 1, range(7, 7)), 1);
}

TEST_P(LiveCopy, WhatAnInterruptedRunHandedOverIsFinishedByARepair) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 8000});
  const auto before = rig::digest(cluster.seed());
  auto closed = [](const rig::TestCluster& servers) {
    for (const auto& view : servers.view_of(0)) {
      if (view.open.find("->-") != std::string::npos) return false;
    }
    return true;
  };
  hooks.gate.ask = [&] {  // just after a hand-over
    return closed(cluster) ? Status{} : Status(error(ErrorCode::kConflict, "the claim is lost"));
  };
  const auto ended = run(live_job(cluster, 0, 1, range(0, 49)));
  ASSERT_TRUE(ended.error);
  ASSERT_FALSE(closed(cluster));
  hooks.gate.ask = [] { return Status{}; };
  const auto repaired = repair(cluster);
  EXPECT_FALSE(repaired.error) << repaired.error->message;
  EXPECT_TRUE(hooks.intents.intents().empty());
  EXPECT_EQ(cluster.owner_of(0), 1);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

// Connections end at many moments, and clients write all the while.
TEST_P(LiveCopy, ConnectionsThatAreKilledCostNothing) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2});
  rig::fill(cluster.seed(), {.keys = 10'000});
  rig::Writer writer(cluster.seed(), {.operations_per_second = 300});
  int rounds = 0;
  hooks.progress.act = [&](const PairProgress&) {
    if (++rounds % 37 != 0 || rounds > 1500) return;
    const int node = rounds % 2;
    auto client = cluster.node(node).connect();
    client.command({"CLIENT", "KILL", "TYPE", rounds % 3 == 0 ? "pubsub" : "normal", "SKIPME", "yes"});
  };
  auto batch = live_job(cluster, 0, 1, range(0, 499));
  batch.options.attempts = 50;
  const auto result = run(batch);
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 499));
  expect_nothing_lost(writer);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

TEST_P(LiveCopy, AStreamTooBigForItGoesKeyByKey) {
  rig::TestCluster cluster(GetParam(), {.primaries = 2, .server = {.node_timeout_ms = 15'000}});
  rig::fill(cluster.seed(), {.keys = 2000});
  auto source = cluster.node(0).connect();
  for (int i = 0; i < 2000; ++i) source.must({"XADD", key_in(7, 0), "*", "field", std::string(10'000, 'x')});
  const auto before = rig::digest(cluster.seed());
  const auto result = run(live_job(cluster, 0, 1, range(0, 15)));
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, 15));
  EXPECT_TRUE(result.left_to_key_by_key);
  EXPECT_EQ(cluster.owner_of(7), 1);
  EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
}

}  // namespace
}  // namespace rebalance
