// The figures of docs/concepts.md are what the planner says.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "plan/planner.h"
#include "worlds.h"

namespace rebalance::testing {
namespace {

std::string concepts() {
  std::ifstream file(SOURCE_FOLDER "/docs/concepts.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Three over-full primaries and an empty one: limits of 118Mi, 102 MB used and 111 MB resident.
World example() {
  auto world = world_of({{100 * kMB, 5461}, {100 * kMB, 5462}, {100 * kMB, 5461}, {0, 0}});
  for (int i = 0; i < 3; ++i) world.nodes[i].memory.rss = 111 * kMB;
  return world;
}

std::string table_row(const NodeForecast& node) {
  return fmt::format("| {} | {} | {} | {} | {} | {} -> {} | {} | {} |", node.pod, human_bytes(node.limit),
                     human_bytes(node.ceiling), human_bytes(node.used), human_bytes(node.base),
                     human_bytes(node.bytes_before), human_bytes(node.bytes_after),
                     human_bytes(node.fork_reserve), human_bytes(node.peak));
}

TEST(Concepts, TheTableOfTheWorkedExampleIsThePlan) {
  const auto plan = make_plan(example(), balance()).value();
  ASSERT_FALSE(plan.refusal);
  for (const auto& node : plan.nodes) EXPECT_THAT(concepts(), ::testing::HasSubstr(table_row(node)));
}

TEST(Concepts, TheSumOfTheReceiverIsTheModels) {
  const auto world = example();
  const auto plan = make_plan(world, balance()).value();
  const auto& target = *std::ranges::find(plan.nodes, "redis-3", &NodeForecast::pod);
  const Bytes used = target.used + target.bytes_after;
  const auto text = concepts();
  EXPECT_THAT(text, ::testing::HasSubstr(fmt::format("uses {}", human_bytes(used))));
  EXPECT_THAT(text, ::testing::HasSubstr(fmt::format("{} resident", human_bytes(used * 108 / 100))));
  EXPECT_THAT(text, ::testing::HasSubstr(fmt::format(
                        "buffers of {}", human_bytes(target_transient(kMigratePayload, false, false)))));
  EXPECT_EQ(target.peak_batch, plan.batches.back().index);
}

TEST(Concepts, TheRefusalIsQuotedWordForWord) {
  const auto plan = make_plan(example(), move("0-1499", "redis-1")).value();
  ASSERT_TRUE(plan.refusal);
  EXPECT_THAT(concepts(), ::testing::HasSubstr("> " + plan.refusal->sentence));
  for (const auto& remedy : plan.refusal->remedies)
    EXPECT_THAT(concepts(), ::testing::HasSubstr("> " + remedy.sentence));
}

}  // namespace
}  // namespace rebalance::testing
