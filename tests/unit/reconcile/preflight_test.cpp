#include "reconcile/preflight.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

constexpr auto kRedis = ServerKind::kRedis;
constexpr auto kValkey = ServerKind::kValkey;

// Whether a plan from a server of one version to one of the other is stopped for the target's age.
bool too_old(Version source, Version target) {
  World world;
  world.nodes = {WorldNode{.id = "a", .pod = "redis-0", .version = source},
                 WorldNode{.id = "b", .pod = "redis-1", .version = target}};
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, {.replicas = Requirement::kIgnore});
  return !findings.empty() && findings[0].name == "TargetTooOld" &&
         findings[0].severity == Severity::kBlocker;
}

TEST(Preflight, ATargetThatIsAsNewAsItsSourceMayReceive) {
  EXPECT_FALSE(too_old({kRedis, 7, 0, 15}, {kRedis, 7, 0, 2}));
  EXPECT_FALSE(too_old({kRedis, 6, 0, 16}, {kRedis, 7, 0, 15}));
  EXPECT_FALSE(too_old({kRedis, 6, 2, 14}, {kRedis, 6, 0, 16}));  // the same payloads
  EXPECT_FALSE(too_old({kRedis, 8, 0, 0}, {kRedis, 8, 6, 0}));
  EXPECT_FALSE(too_old({kRedis, 7, 2, 0}, {kValkey, 8, 1, 0}));
  EXPECT_FALSE(too_old({kValkey, 8, 1, 0}, {kValkey, 9, 1, 0}));
}

TEST(Preflight, ATargetThatCannotReadTheSourcesPayloadsIsABlocker) {
  EXPECT_TRUE(too_old({kRedis, 7, 0, 15}, {kRedis, 6, 2, 14}));
  EXPECT_TRUE(too_old({kRedis, 8, 6, 0}, {kRedis, 8, 0, 0}));
  EXPECT_TRUE(too_old({kRedis, 8, 4, 0}, {kRedis, 8, 2, 0}));  // not known: taken for unreadable
  EXPECT_TRUE(too_old({kRedis, 8, 0, 0}, {kValkey, 8, 1, 0}));
  EXPECT_TRUE(too_old({kRedis, 8, 0, 0}, {kValkey, 9, 1, 0}));
  EXPECT_TRUE(too_old({kValkey, 9, 1, 0}, {kValkey, 8, 1, 0}));
  EXPECT_TRUE(too_old({kValkey, 9, 1, 0}, {kRedis, 8, 6, 0}));
}

TEST(Preflight, ATargetWithoutTheSourcesFunctionsIsABlocker) {
  World world;
  world.nodes = {WorldNode{.id = "a", .pod = "redis-0"}, WorldNode{.id = "b", .pod = "redis-1"}};
  world.nodes[0].functions = 2;
  world.nodes[1].functions = 1;
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, {.replicas = Requirement::kIgnore});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "FunctionsMissing");
  EXPECT_EQ(findings[0].severity, Severity::kBlocker);
  world.nodes[1].functions = 2;
  EXPECT_TRUE(preflight(plan, world, {.replicas = Requirement::kIgnore}).empty());
}

}  // namespace
}  // namespace rebalance
