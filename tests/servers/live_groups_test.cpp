// Two groups of one pair are under way: one is handed over while the other is copied.
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

constexpr int kSlots = 1600, kGroupSlots = 200;

class LiveGroups : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  LiveGroups() { rig::fill(cluster.seed(), {.keys = 40'000}); }

  BatchJob batch() const {
    auto batch = job(cluster, 0, 1, range(0, kSlots - 1));
    batch.engine = Engine::kLiveCopy;
    batch.options.live_group_slots = kGroupSlots;
    return batch;
  }
  bool any_copy_of(const SlotSet& slots) const {
    bool any = false;
    auto target = cluster.node(1).connect();
    for_each_slot(slots, [&](Slot slot) {
      any = any || target.must({"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}).integer > 0;
    });
    return any;
  }
  // Slots of groups whose hand-over has begun, and of those where it has not.
  SlotSet slots_of(bool begun) const {
    SlotSet slots;
    for (const auto& intent : hooks.intents.intents()) {
      if (intent.begun == begun) slots.add(intent.slots);
    }
    return slots;
  }
  // What the journal says of the slots of groups stays until all nodes agree: those that moved are taken off.
  bool hands_over(const PairProgress& now) const { return slots_of(true).size() > now.slots_done; }
  bool copies_beside(const PairProgress& now) const {
    return hands_over(now) && any_copy_of(slots_of(false));
  }
  void expect_all_is_there(const rig::ClusterDigest& before) {
    EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
    EXPECT_TRUE(rig::compare(before, rig::digest(cluster.seed()), rig::Milliseconds(1000)).none());
  }

  rig::TestCluster cluster{GetParam(), {.primaries = 2}};
  TestHooks hooks;
};

INSTANTIATE_TEST_SUITE_P(Versions, LiveGroups, testing::ValuesIn(live_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LiveGroups);

TEST_P(LiveGroups, OneIsCopiedWhileOneIsHandedOverAndNoTwoAreHandedOver) {
  const auto before = rig::digest(cluster.seed());
  int beside = 0, most = 0;
  hooks.progress.act = [&](const PairProgress& now) {
    most = std::max(most, slots_of(true).size() - now.slots_done);
    if (beside == 0 && copies_beside(now)) ++beside;
  };
  const auto result = run_batch(batch(), hooks.hooks(), {});
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, kSlots - 1));
  EXPECT_TRUE(hooks.intents.intents().empty());
  EXPECT_EQ(beside, 1);
  EXPECT_LE(most, kGroupSlots);
  expect_all_is_there(before);
}

TEST_P(LiveGroups, OneAfterTheOtherWhereThePodsHaveNoRoomForTwo) {
  auto narrow = batch();
  narrow.options.key_room = 4 * kMiB;
  int beside = 0;
  hooks.progress.act = [&](const PairProgress& now) {
    beside += hands_over(now) && !slots_of(false).empty();
  };
  const auto result = run_batch(narrow, hooks.hooks(), {});
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, kSlots - 1));
  EXPECT_EQ(beside, 0);
}

TEST_P(LiveGroups, OneAfterTheOtherBelowFullSpeed) {
  auto slow = hooks.hooks();
  const std::atomic<int> speed = 90;
  slow.speed = &speed;
  int beside = 0;
  hooks.progress.act = [&](const PairProgress& now) { beside += copies_beside(now); };
  const auto result = run_batch(batch(), slow, {});
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, kSlots - 1));
  EXPECT_EQ(beside, 0);
}

TEST_P(LiveGroups, AStopLeavesTheCopiesOfNeither) {
  const auto before = rig::digest(cluster.seed());
  std::stop_source stop;
  hooks.progress.act = [&](const PairProgress& now) {
    if (!stop.stop_requested() && copies_beside(now)) stop.request_stop();
  };
  const auto result = run_batch(batch(), hooks.hooks(), stop.get_token());
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::kStopped) << why(result);
  EXPECT_TRUE(result.left_open.empty());
  EXPECT_TRUE(hooks.intents.intents().empty());
  auto rest = range(0, kSlots - 1);
  rest.remove(result.done);
  EXPECT_FALSE(rest.empty());
  EXPECT_FALSE(any_copy_of(rest));
  expect_all_is_there(before);
}

// As kill -9 of the driver.
TEST_P(LiveGroups, ARepairKnowsBoth) {
  const auto before = rig::digest(cluster.seed());
  std::atomic<bool> lost = false;
  hooks.gate.ask = [&] { return lost ? Status(error(ErrorCode::kConflict, "the claim is lost")) : Status{}; };
  hooks.progress.act = [&](const PairProgress& now) {
    if (!lost && copies_beside(now)) lost = true;
  };
  const auto ended = run_batch(batch(), hooks.hooks(), {});
  ASSERT_TRUE(ended.error);
  EXPECT_TRUE(any_copy_of(slots_of(false)));
  EXPECT_FALSE(slots_of(true).empty());
  lost = false;
  RepairJob repair;
  for (int node = 0; node < cluster.size(); ++node) repair.nodes.push_back(member(cluster, node));
  repair.intents = hooks.intents.intents();
  const auto repaired = run_repair(repair, hooks.hooks(), {});
  EXPECT_FALSE(repaired.error) << repaired.error->message;
  EXPECT_TRUE(hooks.intents.intents().empty());
  expect_all_is_there(before);
}

// And the batch that is begun again goes on with both.
TEST_P(LiveGroups, WhoTakesOverGoesOnWithBoth) {
  const auto before = rig::digest(cluster.seed());
  std::atomic<bool> lost = false;
  hooks.gate.ask = [&] { return lost ? Status(error(ErrorCode::kConflict, "the claim is lost")) : Status{}; };
  hooks.progress.act = [&](const PairProgress& now) {
    if (!lost && copies_beside(now)) lost = true;
  };
  ASSERT_TRUE(run_batch(batch(), hooks.hooks(), {}).error);
  hooks.progress.act = [](const PairProgress&) {};
  lost = false;
  auto again = batch();
  again.earlier = hooks.intents.intents();
  const auto result = run_batch(again, hooks.hooks(), {});
  EXPECT_EQ(why(result), "");
  EXPECT_EQ(result.done, range(0, kSlots - 1));
  expect_all_is_there(before);
}

TEST_P(LiveGroups, LoseNothingThatIsWrittenAndConnectionsThatEndCostNothing) {
  rig::Writer writer(cluster.seed(), {.operations_per_second = 500});
  int rounds = 0;
  hooks.progress.act = [&](const PairProgress&) {
    ++rounds;
    if (rounds % 37 != 0 || rounds > 1500) return;
    auto client = cluster.node(rounds % 2).connect();
    client.command({"CLIENT", "KILL", "TYPE", rounds % 3 == 0 ? "pubsub" : "normal", "SKIPME", "yes"});
  };
  auto often = batch();
  often.options.attempts = 50;
  const auto result = run_batch(often, hooks.hooks(), {});
  EXPECT_EQ(why(result), "");
  EXPECT_GT(result.retries, 0);
  EXPECT_EQ(result.done.size() + static_cast<int>(result.skipped.size()), kSlots);
  expect_nothing_lost(writer);
  EXPECT_TRUE(cluster.check().clean) << cluster.check().text;
}

}  // namespace
}  // namespace rebalance
