#include "reconcile/preflight.h"

#include <gtest/gtest.h>

#include "model/cold_keys.h"

namespace rebalance {
namespace {

constexpr auto kRedis = ServerKind::kRedis;
constexpr auto kValkey = ServerKind::kValkey;

RebalanceSpec alone() {
  RebalanceSpec spec;
  spec.safety.replicas = Requirement::kIgnore;
  return spec;
}

// One without a replica, in a cluster that goes on when another is lost.
WorldNode server(const char* id, const char* pod) {
  WorldNode node{.id = id, .pod = pod};
  node.full_coverage = false;
  return node;
}

// Whether a plan from a server of one version to one of the other is stopped for the target's age.
bool too_old(Version source, Version target) {
  World world;
  world.nodes = {server("a", "redis-0"), server("b", "redis-1")};
  world.nodes[0].version = source;
  world.nodes[1].version = target;
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, alone());
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
  world.nodes = {server("a", "redis-0"), server("b", "redis-1")};
  world.nodes[0].functions = 2;
  world.nodes[1].functions = 1;
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, alone());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "FunctionsMissing");
  EXPECT_EQ(findings[0].severity, Severity::kBlocker);
  world.nodes[1].functions = 2;
  EXPECT_TRUE(preflight(plan, world, alone()).empty());
}

// The modules of the one that are said to be missing on the other.
std::string missing(std::vector<std::string> source, std::vector<std::string> target) {
  World world;
  world.nodes = {server("a", "redis-0"), server("b", "redis-1")};
  world.nodes[0].modules = std::move(source);
  world.nodes[1].modules = std::move(target);
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, alone());
  if (findings.empty()) return "";
  EXPECT_EQ(findings[0].name, "ModulesMissing");
  EXPECT_EQ(findings[0].severity, Severity::kBlocker);
  EXPECT_EQ(findings[0].where, "redis-1");
  return findings[0].evidence;
}

TEST(Preflight, ATargetWithoutTheSourcesModulesIsABlocker) {
  EXPECT_EQ(missing({"bf", "search"}, {"search"}), "redis-0 has the module bf, redis-1 has not");
  EXPECT_EQ(missing({"bf", "search", "vectorset"}, {}),
            "redis-0 has the modules bf, search, redis-1 has not");
  EXPECT_EQ(missing({"bf"}, {"bf", "search"}), "");
  // What a version brings along, as Redis 8 and Valkey 9 list it.
  EXPECT_EQ(missing({"vectorset"}, {}), "");
  EXPECT_EQ(missing({"lua"}, {"vectorset"}), "");
}

TEST(Preflight, AServerFarAwayIsAWarning) {
  World world;
  world.nodes = {server("a", "redis-0"), server("b", "redis-1"), server("c", "redis-2")};
  world.nodes[0].round_trip_micros = 5000;
  world.nodes[1].round_trip_micros = 12'345;
  world.nodes[2].round_trip_micros = 99'999;  // not of the plan
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, alone());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "RoundTripLong");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-1");
  EXPECT_EQ(findings[0].evidence, "a round trip to it takes 12.3 ms, and each step of a move waits for one");
}

TEST(Preflight, ListsWhatReplicasMean) {
  World world;
  world.nodes = {WorldNode{.id = "a", .pod = "redis-0"}, WorldNode{.id = "b", .pod = "redis-1"}};
  WorldNode replica{.id = "c", .pod = "redis-2"};
  replica.role = Role::kReplica;
  replica.primary = "b";
  world.nodes.push_back(replica);
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b", .bytes = 2 * kMiB}};
  const auto findings = preflight(plan, world, alone());
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].name, "BacklogSmall");
  EXPECT_EQ(findings[1].name, "FullCoverageRequired");
}

TEST(Preflight, ASlotThatIsMuchOfItsNodeIsAWarningWhereItMoves) {
  World world;
  world.nodes = {server("a", "redis-0"), server("b", "redis-1")};
  world.nodes[0].slots = SlotSet::parse("0-9").value();
  for (int slot = 0; slot < 10; slot++) world.sizes.bytes[slot] = 10 * kMiB;
  world.sizes.bytes[3] = world.sizes.bytes[4] = 50 * kMiB;
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b", .slots = SlotSet::parse("0-3").value()}};
  auto spec = alone();
  const auto findings = preflight(plan, world, spec);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].name, "HotSlot");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-0");
  EXPECT_EQ(findings[0].evidence,
            "slot 3: it holds 50.0Mi, 28 % of redis-0; it moves alone, after all others");
  spec.hot_slots.action = HotSlotAction::kSkipSlot;
  EXPECT_EQ(preflight(plan, world, spec)[0].evidence,
            "slot 3: it holds 50.0Mi, 28 % of redis-0; it stays (hotSlots.action SkipSlot)");
  spec.hot_slots.action = HotSlotAction::kIgnore;
  EXPECT_TRUE(preflight(plan, world, spec).empty());
  spec.hot_slots = {.share_percent = 28};
  EXPECT_TRUE(preflight(plan, world, spec).empty()) << "27.8 %";
}

TEST(Preflight, ASourceThatKeepsNoIdleTimeIsAWarning) {
  World world;
  world.nodes = {server("a", "redis-0"), server("b", "redis-1")};
  world.nodes[0].maxmemory_policy = "volatile-lfu";
  world.nodes[1].maxmemory_policy = "allkeys-lfu";
  Plan plan;
  plan.batches = {Batch{.source = "a", .target = "b"}, Batch{.source = "a", .target = "b"}};
  const auto findings = preflight(plan, world, alone());
  ASSERT_EQ(findings.size(), 1U) << "once, and not of the target";
  EXPECT_EQ(findings[0].name, "IdleTimeUnknown");
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_EQ(findings[0].where, "redis-0");

  world.nodes[0].maxmemory_policy = "volatile-lru";
  EXPECT_TRUE(preflight(plan, world, alone()).empty());
  auto spec = alone();
  spec.cold_keys.idle_seconds = kLongestIdleSeconds + 1;
  ASSERT_EQ(preflight(plan, world, spec).size(), 1U);
  EXPECT_EQ(preflight(plan, world, spec)[0].name, "IdleTimeUnknown");
}

}  // namespace
}  // namespace rebalance
