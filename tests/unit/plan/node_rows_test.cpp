#include "plan/node_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worlds.h"

namespace rebalance {
namespace {

using testing::kMB;

// Two primaries with a replica each; a plan that moves from the first to the second.
struct Scenery {
  World world = testing::world_of({{60 * kMB, 100}, {10 * kMB, 100}});
  std::optional<Plan> plan;

  Scenery() {
    world.nodes.push_back(testing::replica_of(world.nodes[0], 0));
    world.nodes.push_back(testing::replica_of(world.nodes[1], 1));
    plan.emplace();
    plan->batches = {{0, world.nodes[0].id, world.nodes[1].id, SlotSet::parse("0-9").value(), 6 * kMB, 6}};
    NodeForecast forecast;
    forecast.id = world.nodes[1].id;
    forecast.pod = "redis-1";
    forecast.peak = 33 * kMB;
    plan->nodes = {forecast};
  }
  std::map<PodName, NodeRow> rows(const std::map<PodName, Bytes>& peaks = {}) const {
    std::map<PodName, NodeRow> by_pod;
    for (auto& row : node_rows(world, plan, {}, peaks)) by_pod[row.pod] = row;
    return by_pod;
  }
};

TEST(NodeRows, HaveTheWallsOfTheSpecAndTheReadingsOfTheNode) {
  const auto row = Scenery().rows().at("redis-0");
  EXPECT_EQ(row.limit, 118 * kMiB);
  EXPECT_EQ(row.ceiling, 118 * kMiB * 80 / 100);
  EXPECT_EQ(row.flood, 118 * kMiB * 95 / 100);
  EXPECT_EQ(row.used, 62 * kMB);
  EXPECT_EQ(row.base, row.rss);
  EXPECT_EQ(row.slots, 100);
}

TEST(NodeRows, AReplicaIsOnTheSideOfItsPrimary) {
  const auto rows = Scenery().rows();
  EXPECT_TRUE(rows.at("redis-0").gives && !rows.at("redis-0").receives);
  EXPECT_TRUE(rows.at("replica-0").gives && !rows.at("replica-0").receives);
  EXPECT_TRUE(rows.at("redis-1").receives && !rows.at("redis-1").gives);
  EXPECT_TRUE(rows.at("replica-1").receives && !rows.at("replica-1").gives);
}

TEST(NodeRows, OnlyAPodThatThePlanForecastsIsProjected) {
  const auto rows = Scenery().rows();
  EXPECT_EQ(rows.at("redis-1").projected, 33 * kMB);
  EXPECT_FALSE(rows.at("redis-0").projected);
}

TEST(NodeRows, ThePeakIsNeverBelowWhatIsThereNow) {
  const auto rows = Scenery().rows({{"redis-0", 1}, {"redis-1", 90 * kMB}});
  EXPECT_EQ(rows.at("redis-0").peak, rows.at("redis-0").base);
  EXPECT_EQ(rows.at("redis-1").peak, 90 * kMB);
}

TEST(NodeRows, WithoutAPlanNobodyGivesOrReceives) {
  Scenery scenery;
  scenery.plan.reset();
  for (const auto& [pod, row] : scenery.rows())
    EXPECT_FALSE(row.gives || row.receives || row.projected) << pod;
}

}  // namespace
}  // namespace rebalance
