#include "codec/plan_codec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "plan/planner.h"

namespace rebalance {
namespace {

World two_shards(Bytes limit) {
  World world;
  for (int i = 0; i < 2; ++i) {
    WorldNode node;
    node.id = std::string(39, '0') + std::to_string(i);
    node.pod = "redis-" + std::to_string(i);
    node.limit = limit;
    node.memory.used = node.memory.rss = 10 * kMiB;
    node.save_points = true;
    world.nodes.push_back(node);
  }
  world.nodes[0].slots = SlotSet::parse("0-16383").value();
  world.nodes[0].memory.used = world.nodes[0].memory.rss = 90 * kMiB;
  for (auto& bytes : world.sizes.bytes) bytes = 5 * kKiB;
  return world;
}

TEST(PlanJson, SaysWhatMovesWhereAndUnderWhichHash) {
  const auto plan = make_plan(two_shards(kGiB), {}).value();
  const auto json = nlohmann::json::parse(plan_json(plan));
  EXPECT_EQ(json["hash"], plan.hash);
  EXPECT_EQ(json["slots"], plan.slots);
  EXPECT_TRUE(json["refusal"].is_null());
  EXPECT_EQ(json["batches"].size(), plan.batches.size());
  EXPECT_EQ(json["batches"][0]["source"], "redis-0");
  EXPECT_EQ(json["batches"][0]["target"], "redis-1");
  EXPECT_EQ(json["engines"][0]["engine"], "KeyByKey");
  EXPECT_EQ(json["nodes"][1]["limit"], kGiB);
  EXPECT_EQ(json["skewBefore"], 2.0);
}

TEST(PlanJson, ARefusalHoldsItsRemedies) {
  const auto plan = make_plan(two_shards(60 * kMiB), {}).value();
  ASSERT_TRUE(plan.refusal);
  const auto json = nlohmann::json::parse(plan_json(plan));
  EXPECT_EQ(json["batches"].size(), 0u);
  EXPECT_EQ(json["refusal"]["rule"], plan.refusal->rule);
  ASSERT_GT(json["refusal"]["remedies"].size(), 0u);
  EXPECT_EQ(json["refusal"]["remedies"][0]["kind"], "RaiseLimit");
  EXPECT_EQ(json["refusal"]["remedies"][0]["pods"].size(), plan.refusal->remedies[0].pods.size());
}

}  // namespace
}  // namespace rebalance
