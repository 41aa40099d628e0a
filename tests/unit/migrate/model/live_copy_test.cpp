// Live copy under every schedule of a few writes and faults: nothing is lost, and nothing comes back. And of
// its steps none can go without a loss that the same search finds: the table in docs/live-copy.md is what
// this prints.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "explorer.h"

namespace rebalance::model {
namespace {

// Keys: 0 a set that goes in two pieces, 1 a string, 2 one that expires, 3 a stream, 4 not there yet.
const std::vector<Action> kFew{{What::kSet, {}, 2}, {What::kDelete, {}, 2}, {What::kSet, {}, 4}};
const std::vector<Action> kSome{{What::kSet, {}, 2}, {What::kDelete, {}, 2}, {What::kSwap, {}, 2, 4},
                                {What::kSet, {}, 4}, {What::kSilent, {}, 3}, {What::kFlush},
                                {What::kTick},       {What::kReap, "A", 2},  {What::kEvict, "B", 2}};
const std::vector<Action> kAll{{What::kSet, {}, 1},    {What::kSet, {}, 2},    {What::kDelete, {}, 1},
                               {What::kDelete, {}, 2}, {What::kSet, {}, 4},    {What::kSwap, {}, 2, 4},
                               {What::kExpire, {}, 1}, {What::kSilent, {}, 3}, {What::kFlush},
                               {What::kTick},          {What::kReap, "A", 2},  {What::kReap, "B", 2},
                               {What::kEvict, "B", 2}, {What::kEvict, "B", 3}};
const std::vector<Action> kKept{{What::kSet, {}, 1},    {What::kSet, {}, 2}, {What::kDelete, {}, 1},
                                {What::kDelete, {}, 2}, {What::kSet, {}, 4}, {What::kExpire, {}, 1},
                                {What::kSilent, {}, 3}, {What::kTick},       {What::kReap, "A", 2},
                                {What::kEvict, "B", 2}};
const std::vector<Action> kOfLarge{{What::kSet, {}, 0},   {What::kDelete, {}, 0}, {What::kExpire, {}, 0},
                                   {What::kTick},         {What::kReap, "A", 0},  {What::kReap, "B", 0},
                                   {What::kEvict, "B", 0}};
const std::vector<What> kAllFaults{What::kCut, What::kKill, What::kStop, What::kCrash, What::kGossip};

std::vector<Action> with(std::vector<Action> all, const std::vector<Action>& more) {
  std::ranges::copy(more, std::back_inserter(all));
  return all;
}

const Scenario kWrites{"TwoWrites", kSome, {}, 2, 0};
const Scenario kExpiries{
    "Expiries", {{What::kTick}, {What::kTickInExec}, {What::kReap, "A", 2}, {What::kSet, {}, 4}}, {}, 3, 0};
const Scenario kSwaps{"Swaps", {{What::kSwap, {}, 2, 4}}, {}, 1, 0};
const Scenario kLosses{"LostConnections", {{What::kSet, {}, 2}}, {What::kCut, What::kKill}, 1, 1};
const Scenario kTwoLosses{"TwoLostConnections", {}, {What::kCut}, 0, 2};
const Scenario kStops{"Stops", kAll, {What::kStop}, 1, 1};
const Scenario kCrashes{"Crashes", kAll, {What::kCrash}, 1, 1};
const Scenario kGossips{"Gossip", kAll, {What::kGossip, What::kDeaf}, 1, 1, false, true};
const Scenario kFailovers{"Failovers", kFew, {What::kFail}, 1, 1, false, true};
const Scenario kEarly{"EarlyFailovers", kAll, {What::kFail}, 1, 1, false, true, false, false, true};
const Scenario kOrders{"OtherOrders", kFew, {}, 1, 0, true, true, false, true};
const Scenario kLarge{.name = "LargeKey", .writes = kOfLarge, .most_writes = 2, .large = true};
const Scenario kLargeLosses{.name = "LargeKeyAndFaults",
                            .writes = {{What::kSet, {}, 0}},
                            .faults = {What::kCut, What::kStop},
                            .most_writes = 1,
                            .most_faults = 1,
                            .large = true};

// ---- the whole engine ----

class WholeEngine : public testing::TestWithParam<Scenario> {
 protected:
  static void expect_no_loss(int runs) {
    const auto found = explore(GetParam(), Removed::kNothing, runs);
    fmt::print("{}: {} schedules, {} states{}\n", GetParam().name, found.runs, found.states,
               found.complete ? "" : ", not all");
    if (found.finding)
      ADD_FAILURE() << found.finding->invariant << ": " << found.finding->how << "; "
                    << found.finding->text();
    EXPECT_GT(found.states, 500U);
  }
};
class LiveCopyModel : public WholeEngine {};
class LongLiveCopyModel : public WholeEngine {};

TEST_P(LiveCopyModel, LosesNothingUnderAnySchedule) { expect_no_loss(1'000'000); }
TEST_P(LongLiveCopyModel, LosesNothingUnderAnySchedule) { expect_no_loss(100'000); }

const auto name_of = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Scenarios, LiveCopyModel,
                         testing::Values(kWrites, kExpiries, kLosses, kStops, kCrashes, kGossips, kFailovers,
                                         kEarly, kOrders, kLarge, kLargeLosses),
                         name_of);
INSTANTIATE_TEST_SUITE_P(
    Long, LongLiveCopyModel,
    testing::Values(
        kTwoLosses,
        Scenario{"TwoWritesEarlyFailovers", kAll, {What::kFail}, 2, 1, false, true, false, false, true},
        Scenario{"TwoOfAllWrites", kAll, {}, 2, 0}, Scenario{"ThreeWrites", kFew, {}, 3, 0},
        Scenario{"AllFaults", kAll, kAllFaults, 1, 1, false, false, false, true},
        Scenario{"TwoFaults", kFew, {What::kCut, What::kCrash}, 1, 2},
        Scenario{"TwoSlots", kSome, kAllFaults, 1, 1, true, false, false, true},
        Scenario{.name = "LargeKeyThrice",
                 .writes = kOfLarge,
                 .most_writes = 3,
                 .other_order = true,
                 .large = true},
        Scenario{.name = "LargeKeyAndMoreFaults",
                 .writes = {{What::kSet, {}, 0}, {What::kDelete, {}, 0}},
                 .faults = {What::kCut, What::kKill, What::kStop, What::kCrash},
                 .most_writes = 1,
                 .most_faults = 1,
                 .large = true},
        Scenario{.name = "LargeKeyFailovers",
                 .writes = kOfLarge,
                 .faults = {What::kFail},
                 .most_writes = 1,
                 .most_faults = 1,
                 .replicas = true,
                 .large = true},
        Scenario{"FailoversUnacknowledged", kFew, {What::kFail, What::kDeaf}, 2, 2, false, true}),
    name_of);

void expect_no_loss_by_seed(const Scenario& scenario, unsigned seeds) {
  for (unsigned seed = 0; seed < seeds; ++seed) {
    const auto found = run_seed(scenario, Removed::kNothing, seed);
    ASSERT_FALSE(found) << scenario.name << ", seed " << seed << ": " << found->invariant << ": "
                        << found->how << "; " << found->text();
  }
}
const Scenario kEverything{.name = "Everything",
                           .writes = with(kAll, kOfLarge),
                           .faults = kAllFaults,
                           .most_writes = 4,
                           .most_faults = 2,
                           .two_slots = true,
                           .other_order = true,
                           .large = true};
// Without FLUSHALL: see AfterAFailoverOfTheSource.
const Scenario kEverythingFailing{
    "EverythingFailing", kKept, {What::kFail, What::kDeaf}, 3, 2, false, true, false, true};

TEST(LiveCopyModelSeeds, LoseNothing) {
  expect_no_loss_by_seed(kEverything, 3000);
  expect_no_loss_by_seed(kEverythingFailing, 2000);
}
TEST(LongLiveCopyModelSeeds, LoseNothing) {
  expect_no_loss_by_seed(kEverything, 200'000);
  expect_no_loss_by_seed(kEverythingFailing, 100'000);
}

// The hand-over's answer is lost, then that of CLIENT KILL: the transaction may still run, at any later
// command.
TEST(LiveCopyLostTwice, ATransactionOnItsWayIsEndedAlsoWhenItsFenceIsLost) {
  for (int late = 0; late < 40; ++late) {
    int cuts = 0, chances = 0;
    const World* world = nullptr;
    World run(kTwoLosses, Removed::kNothing, [&](const std::vector<Action>& actions) -> std::size_t {
      const bool now = world->position() == (cuts == 0 ? "before EXEC" : "before CLIENT");
      for (std::size_t i = 1; i < actions.size(); ++i) {
        if (actions[i].what == What::kCut && cuts < 2 && now && ++cuts > 0) return i;
        if (actions[i].what == What::kLate && cuts == 2 && chances++ == late) return i;
      }
      return 0;
    });
    world = &run;
    EXPECT_NO_THROW(run.run()) << late;
    EXPECT_EQ(cuts, 2);
  }
}

// The new owner knows no mark. One without keys of the slot is taken for one that gave them away, and the
// copies go to it: also where clients had deleted them all. Before the hand-over begins the journal tells the
// two apart.
TEST(AfterAFailoverOfTheSource, AnEmptySlotIsTakenForHandedOverOnceThatHasBegun) {
  Scenario emptied{"Emptied", {{What::kFlush}}, {What::kFail}, 1, 1, false, true};
  emptied.early_failovers = true;
  EXPECT_FALSE(explore(emptied, Removed::kNothing).finding);
  emptied.early_failovers = false;
  const auto found = explore(emptied, Removed::kNothing);
  ASSERT_TRUE(found.finding);
  EXPECT_EQ(found.finding->invariant, "what was deleted or expired stays away");
  fmt::print("{}\n", found.finding->text());
}

// Whoever lets the target evict, or flushes it, between its last answer and the hand-over, loses what it
// held.
TEST(AfterTheTargetsLastAnswer, WhatItLosesIsLost) {
  Scenario late{"Late", {{What::kEvict, "B", 2}}, {}, 1, 0};
  EXPECT_FALSE(explore(late, Removed::kNothing).finding);
  late.late_evictions = true;
  const auto found = explore(late, Removed::kNothing);
  ASSERT_TRUE(found.finding);
  EXPECT_EQ(found.finding->invariant, "every acknowledged write is read");
  fmt::print("{}\n", found.finding->text());
}

// ---- a step less ----

struct Step {
  Removed removed;
  const char *name, *words;
  const Scenario& scenario;
};

const Step kSteps[] = {
    {Removed::kWatch, "Watch", "`WATCH` of every key", kWrites},
    {Removed::kTracking, "Tracking", "`CLIENT TRACKING`", kWrites},
    {Removed::kDrain, "Drain", "the PING to the subscriber delivers what changed", kWrites},
    {Removed::kExpiredGo, "ExpiredGo", "`EXISTS` deletes what had expired before the WATCH", kExpiries},
    {Removed::kListAndLastRead, "ListAndLastRead",
     "the list after the WATCH, and the last read of what is gone", kSwaps},
    {Removed::kCounts, "Counts", "the script compares counts", kWrites},
    {Removed::kChecks, "Checks", "the script compares CRCs", kWrites},
    {Removed::kMarksTakenBack, "MarksTakenBack", "the script takes its marks back before UNLINK", kExpiries},
    {Removed::kEarlyReads, "EarlyReads", "tracking from the first piece of a large key on", kLarge},
    {Removed::kAnew, "Anew", "a large key that changed is copied from nothing", kLarge},
    {Removed::kElements, "Elements", "the elements of a large key's copy are counted", kLarge},
    {Removed::kOrder, "Order", "a key's copies arrive in order", kWrites},
    {Removed::kTargetCounts, "TargetCounts", "the target's counts are compared", kWrites},
    {Removed::kOwnTarget, "OwnTarget", "`SETSLOT NODE` on the target before the source", kWrites},
    {Removed::kLossIsTold, "LossIsTold", "a lost connection starts everything over", kLosses},
    {Removed::kFenceOnSource, "FenceOnSource", "`CLIENT KILL` on the source", kLosses},
    {Removed::kFenceOnTarget, "FenceOnTarget", "`CLIENT KILL` on the target", kLosses},
    {Removed::kFreshLook, "FreshLook", "a look after a lost answer", kLosses},
    {Removed::kFenceOfTakeover, "FenceOfTakeover", "who takes over ends the old connections", kCrashes},
    {Removed::kAloneIsKept, "AloneIsKept", "recovery asks the owner for each key", kCrashes},
    {Removed::kBeginning, "Beginning", "the journal is told before the first hand-over", kFailovers},
    {Removed::kTargetReplicas, "TargetReplicas", "`WAIT` on the target before the hand-over", kFailovers},
    {Removed::kSourceReplicas, "SourceReplicas", "`WAIT` on the source after it", kFailovers},
};

class LiveCopyWithoutAStep : public testing::TestWithParam<Step> {};

TEST_P(LiveCopyWithoutAStep, LosesAndTheSearchFindsIt) {
  const auto& [removed, name, words, scenario] = GetParam();
  const auto found = explore(scenario, removed, 100'000);
  ASSERT_TRUE(found.finding) << "none in " << found.runs << " schedules";
  unsigned seed = 0;
  while (seed < 20'000 && !run_seed(scenario, removed, seed)) ++seed;
  EXPECT_LT(seed, 20'000U);
  fmt::print("| {} | {} | {} | {} | {} |\n", words, found.finding->invariant, found.finding->text(),
             found.runs, seed);
}

INSTANTIATE_TEST_SUITE_P(Steps, LiveCopyWithoutAStep, testing::ValuesIn(kSteps), name_of);

// What comes before the list is told by tracking, and the last read finds it gone: one of the two is enough.
TEST(LiveCopyWithoutTheListUnderWatch, LosesNothingAsLongAsTheLastReadFindsWhatIsGone) {
  const auto found = explore(kWrites, Removed::kListUnderWatch);
  EXPECT_TRUE(found.complete);
  EXPECT_FALSE(found.finding) << found.finding->text();
}

}  // namespace
}  // namespace rebalance::model
