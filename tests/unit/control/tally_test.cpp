#include "control/tally.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

Batch batch(const char* source, const char* slots, Bytes bytes) {
  return {0, source, "t", SlotSet::parse(slots).value(), bytes, 10};
}

World three_pods() {
  World world;
  for (const char* id : {"a", "b", "t"}) {
    WorldNode node;
    node.id = id;
    node.pod = std::string("redis-") + id;
    world.nodes.push_back(node);
  }
  return world;
}

BatchResult moved(const char* slots, Bytes bytes, int agreed) {
  BatchResult result;
  result.done = SlotSet::parse(slots).value();
  result.keys = 10;
  result.bytes = bytes;
  result.last_agreement = Instant(std::chrono::seconds(agreed));
  return result;
}

TEST(Tally, AddsUpPairsAndMeasuresFromTheFirstWriteToTheLastAgreement) {
  Plan plan;
  plan.batches = {batch("a", "0-9", 1000), batch("b", "20-29", 3000)};
  Tally tally;
  tally.begin(plan, three_pods());
  tally.written(Instant(std::chrono::seconds(98)));
  tally.add(plan.batches[1], moved("20-29", 3100, 104));
  tally.add(plan.batches[0], moved("0-9", 900, 103));
  EXPECT_EQ(tally.slots(), 20);
  EXPECT_EQ(tally.bytes(), 4000);
  EXPECT_DOUBLE_EQ(tally.moving_seconds(), 6);
}

TEST(Tally, CountsASlotThatABatchNamesAgainOnce) {
  Plan plan;
  plan.batches = {batch("a", "0-9", 1000)};
  Tally tally;
  tally.begin(plan, three_pods());
  tally.add(plan.batches[0], moved("0-9", 1000, 5));
  tally.add(plan.batches[0], moved("5-9", 0, 6));
  EXPECT_EQ(tally.slots(), 10);
}

TEST(Tally, ShowsWhatRunsOnTopOfWhatIsDone) {
  Plan plan;
  plan.batches = {batch("a", "0-9", 1000), batch("a", "10-19", 1000), batch("b", "20-29", 3000)};
  Tally tally;
  tally.begin(plan, three_pods());
  tally.written(Instant(std::chrono::seconds(10)));
  tally.add(plan.batches[0], moved("0-9", 1000, 11));
  RunView view;
  tally.fill(view, {{"a", "t", 1, 5, 10, 5, 500}}, Instant(std::chrono::seconds(20)));
  ASSERT_EQ(view.pairs.size(), 2U);
  EXPECT_EQ(view.pairs[0].source, "redis-a");
  EXPECT_EQ(view.pairs[0].slots_done, 15);
  EXPECT_TRUE(view.pairs[0].running);
  EXPECT_FALSE(view.pairs[1].running);
  EXPECT_EQ(view.bytes_total, 5000);
  EXPECT_DOUBLE_EQ(view.bytes_per_second, 150);
  EXPECT_NEAR(view.eta_seconds, 3500.0 / 150, 1e-9);
}

}  // namespace
}  // namespace rebalance
