// The rows of `check` about the servers of a plan: pair_rows and server_load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/pair_rows.h"
#include "cli/server_load.h"

namespace rebalance {
namespace {

using testing::ElementsAre;

World three_zones() {
  World world;
  for (const char* name : {"a", "b", "c"}) {
    WorldNode node{.id = name, .pod = std::string("redis-") + name, .zone = std::string("eu-1") + name};
    node.round_trip_micros = 240;
    world.nodes.push_back(node);
  }
  world.nodes[2].round_trip_micros = 12'300;
  return world;
}

Batch batch(const char* source, const char* target, Bytes bytes) {
  return {.source = source, .target = target, .slots = SlotSet::parse("0-4").value(), .bytes = bytes};
}

TEST(PairRows, SayBytesZonesAndRoundTripsTheLargestFirst) {
  auto world = three_zones();
  world.nodes[0].zone = world.nodes[1].zone;
  Plan plan;
  plan.batches = {batch("a", "b", kMiB), batch("a", "c", 5 * kMiB), batch("a", "c", kMiB)};
  const Finding first{Severity::kOk, "Pair", "redis-a to redis-c",
                      "10 slots, 6.0Mi in 2 batches; crosses zones eu-1b to eu-1c; round trips 0.24 ms and "
                      "12.30 ms",
                      ""};
  const Finding second{Severity::kOk, "Pair", "redis-a to redis-b",
                       "5 slots, 1.0Mi in 1 batch; within zone eu-1b; round trips 0.24 ms and 0.24 ms", ""};
  EXPECT_THAT(pair_rows(plan, world), ElementsAre(first, second));
}

TEST(PairRows, LeaveOutWhatIsNotKnown) {
  auto world = three_zones();
  world.nodes[0].zone = "";
  world.nodes[1].round_trip_micros = -1;
  Plan plan;
  plan.batches = {batch("a", "b", kMiB)};
  EXPECT_EQ(pair_rows(plan, world).at(0).evidence, "5 slots, 1.0Mi in 1 batch");
}

TEST(PairRows, AreNoMoreThanTwenty) {
  World world;
  Plan plan;
  for (char name = 'a'; name <= 'z'; ++name) world.nodes.push_back({.id = std::string(1, name)});
  for (char name = 'b'; name <= 'z'; ++name)
    plan.batches.push_back(batch("a", std::string(1, name).c_str(), 1));
  const auto rows = pair_rows(plan, world);
  ASSERT_EQ(rows.size(), 21U);
  EXPECT_EQ(rows.back().evidence, "5 smaller pairs more");
}

TEST(LoadRows, TheBusiestComesFirstAndIsAWarningUnlessThereAreWindows) {
  const std::vector<ServerLoad> loads{{"redis-0", 1204, 0.31}, {"redis-1", 90'000, 0.82}};
  const std::string busy = "90,000 operations a second, 82 % of a processor";
  const Finding warning{Severity::kWarning, "BusyNow", "redis-1", busy,
                        "wait for a quieter hour, or set spec.windows"};
  const Finding first{Severity::kOk, "Load", "redis-1", busy, ""};
  const Finding second{Severity::kOk, "Load", "redis-0", "1,204 operations a second, 31 % of a processor",
                       ""};
  EXPECT_THAT(load_findings(loads, false), ElementsAre(warning, first, second));
  EXPECT_THAT(load_findings(loads, true), ElementsAre(first, second));
}

TEST(LoadRows, HalfAProcessorIsNotBusyAndTheRowsAreNoMoreThanTwenty) {
  const auto rows = load_findings(std::vector<ServerLoad>(25, {"redis-0", 1, 0.5}), false);
  EXPECT_EQ(rows.size(), 20U);
  EXPECT_THAT(rows, testing::Each(testing::Field(&Finding::severity, Severity::kOk)));
}

}  // namespace
}  // namespace rebalance
