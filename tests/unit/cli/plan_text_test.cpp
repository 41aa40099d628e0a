#include "cli/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using testing::HasSubstr;

const NodeId kGiver(40, 'a');
const NodeId kTaker(40, 'b');

World two_nodes() {
  World world;
  world.nodes = {WorldNode{.id = kGiver, .pod = "redis-0"}, WorldNode{.id = kTaker, .pod = "redis-1"}};
  return world;
}

NodeForecast forecast(const NodeId& id, const char* pod, int before, int after) {
  NodeForecast node{.id = id, .pod = pod};
  node.limit = 100 * kMiB;
  node.ceiling = 80 * kMiB;
  node.flood = 95 * kMiB;
  node.used = 40 * kMiB;
  node.base = 45 * kMiB;
  node.fork_reserve = 4 * kMiB;
  node.peak = 61 * kMiB;
  node.slots_before = before;
  node.slots_after = after;
  node.bytes_before = before * kKiB;
  node.bytes_after = after * kKiB;
  return node;
}

Plan of(int batches) {
  Plan plan{.hash = "0123456789abcdef"};
  plan.nodes = {forecast(kGiver, "redis-0", 200, 100), forecast(kTaker, "redis-1", 0, 100)};
  plan.engines = {{.source = kGiver, .target = kTaker, .why = "every version has it"}};
  for (int i = 0; i < batches; ++i) {
    Batch batch{.index = i, .source = kGiver, .target = kTaker, .bytes = kMiB, .keys = 1000};
    batch.slots.add({static_cast<Slot>(i), static_cast<Slot>(i)});
    plan.batches.push_back(batch);
  }
  plan.slots = batches;
  plan.skew_before = 2;
  plan.skew_after = 1;
  return plan;
}

TEST(PlanText, ShowsEachNodeBeforeAndAfterAndItsPeak) {
  const auto text = plan_text(of(1), two_nodes());
  EXPECT_THAT(text, testing::ContainsRegex(
                        "redis-0 +primary +100.0Mi +80.0Mi +40.0Mi +45.0Mi +4.0Mi +200 -> 100 +200.0Ki -> "
                        "100.0Ki +61.0Mi +61 %"));
  EXPECT_THAT(text, HasSubstr("Skew (largest over mean of the primaries): 2.000 -> 1.000"));
  EXPECT_THAT(text, HasSubstr("redis-0 -> redis-1: KeyByKey, every version has it"));
}

TEST(PlanText, SaysHowToApprove) {
  EXPECT_THAT(plan_text(of(1), two_nodes()), HasSubstr("--plan-hash 0123456789abcdef"));
}

TEST(PlanText, ShowsTwentyBatchesAndCountsTheRest) {
  EXPECT_THAT(plan_text(of(20), two_nodes()), testing::Not(HasSubstr("more")));
  const auto text = plan_text(of(23), two_nodes());
  EXPECT_THAT(text, HasSubstr("and 3 more\n"));
  EXPECT_THAT(text, testing::Not(testing::ContainsRegex("\n +21  redis-0")));
}

TEST(PlanText, ARefusalNamesTheRuleTheShortageAndEachRemedy) {
  auto plan = of(0);
  plan.refusal = Refusal{
      .rule = "Ceiling", .pod = "redis-1", .short_bytes = 3 * kMiB, .sentence = "redis-1 would need 83 MiB."};
  plan.refusal->remedies = {
      {.kind = "RaiseLimit", .pod = "redis-1", .sentence = "a limit of 104Mi for redis-1"},
      {.kind = "LowerMinFree", .sentence = "minFreePercent 17"}};
  const auto text = plan_text(plan, two_nodes());
  EXPECT_THAT(text, HasSubstr("Refused by the rule Ceiling at redis-1: 3.0Mi short (3,145,728 bytes)\n  "
                              "redis-1 would need 83 MiB."));
  EXPECT_THAT(text,
              HasSubstr("RaiseLimit: a limit of 104Mi for redis-1\n  LowerMinFree: minFreePercent 17\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("--plan-hash")));
}

TEST(PlanText, NothingToDoIsSaidAndNotesFollow) {
  auto plan = of(0);
  plan.notes = {"canary is not there yet"};
  const auto text = plan_text(plan, two_nodes());
  EXPECT_THAT(text, HasSubstr("Nothing to do: the goal is reached"));
  EXPECT_THAT(text, HasSubstr("Note: canary is not there yet\n"));
}

}  // namespace
}  // namespace rebalance
