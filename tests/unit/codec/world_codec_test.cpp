#include "codec/world_codec.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

namespace rebalance {
namespace {

using ::testing::HasSubstr;

World production() {
  World world;
  WorldNode primary;
  primary.id = std::string(39, '0') + "1";
  primary.pod = "redis-0";
  primary.zone = "eu-1";
  primary.version = {ServerKind::kValkey, 8, 1, 3};
  primary.slots = SlotSet::parse("0-99,4000").value();
  primary.keys = 300;
  primary.limit = 118 * kMiB;
  primary.memory.used = 102'000'001;
  primary.memory.rss = 111'000'000;
  primary.memory.maxmemory = kGiB;
  primary.memory.last_cow = 5 * kMiB;
  primary.memory.holds_outgrown = true;
  primary.save_points = true;
  primary.allow_replica_migration = false;
  primary.migration_barrier = 2;
  primary.full_coverage = false;
  primary.modules = {"ReJSON", "search"};
  primary.replication = {.backlog = 8 * kMiB, .hard_buffer = 0, .soft_buffer = 32 * kMiB, .soft_seconds = 30};
  WorldNode replica = primary;
  replica.id = std::string(39, '0') + "2";
  replica.pod = "redis-1";
  replica.role = Role::kReplica;
  replica.primary = primary.id;
  replica.slots = {};
  replica.limit = 0;
  replica.in_sync = false;
  world.nodes = {primary, replica};
  for (int slot = 0; slot < 50; ++slot) world.sizes.bytes[slot] = 1000 + slot, world.sizes.keys[slot] = slot;
  world.sizes.bytes[4000] = 7 * kMiB;
  world.sizes.cpu_usec[4001] = 12'000'000'000;  // of a slot that is empty by now
  world.sizes.cpu_known = SlotSet::parse("0-4095").value();
  world.sizes.cpu_recent = SlotSet::parse("0-99").value();
  world.sizes.error_percent = 1.5;
  world.findings = {{Severity::kWarning, "FewReplicas", "redis-0", "it has \"1\": few", "add one"}};
  return world;
}

TEST(WorldFile, ReadsBackWhatItWrote) {
  const auto text = world_yaml(production());
  const auto back = read_world(text, "saved.yaml");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(world_yaml(*back), text);
  EXPECT_EQ(back->sizes.bytes, production().sizes.bytes);
  EXPECT_EQ(back->sizes.keys, production().sizes.keys);
  EXPECT_EQ(back->sizes.cpu_usec, production().sizes.cpu_usec);
  EXPECT_EQ(back->sizes.cpu_known.text(), "0-4095");
  EXPECT_EQ(back->sizes.cpu_recent.text(), "0-99");
  EXPECT_EQ(back->nodes[0].memory.used, 102'000'001);
  EXPECT_EQ(back->nodes[0].memory.working_set, -1);
  EXPECT_EQ(back->nodes[1].primary, production().nodes[0].id);
  EXPECT_EQ(back->nodes[0].modules, production().nodes[0].modules);
  EXPECT_EQ(back->nodes[0].migration_barrier, 2);
  EXPECT_FALSE(back->nodes[0].full_coverage);
  EXPECT_EQ(back->nodes[0].replication.backlog, 8 * kMiB);
  EXPECT_EQ(back->nodes[0].replication.hard_buffer, 0);
  EXPECT_EQ(back->nodes[0].replication.soft_buffer, 32 * kMiB);
  EXPECT_EQ(back->nodes[0].replication.soft_seconds, 30);
  EXPECT_EQ(back->findings, production().findings);
}

TEST(WorldFile, IsMadeForPeople) {
  const auto text = world_yaml(production());
  EXPECT_THAT(text, HasSubstr("limit: 118Mi\n"));
  EXPECT_THAT(text, HasSubstr("slots: \"0-99,4000\"\n"));
  EXPECT_THAT(text, HasSubstr("version: \"Valkey 8.1.3\"\n"));
  EXPECT_THAT(text, HasSubstr("replicaOf: \"redis-0\"\n"));
}

TEST(WorldFile, ANodeAddedByHandNeedsOnlyANameAndALimit) {
  const auto world =
      read_world("{kind: ObservedWorld, format: 1, nodes: [{pod: new-0, limit: 1Gi}]}", "w").value();
  ASSERT_EQ(world.nodes.size(), 1u);
  EXPECT_EQ(world.nodes[0].limit, kGiB);
  EXPECT_EQ(world.nodes[0].id.size(), 40u);
  EXPECT_EQ(world.nodes[0].role, Role::kPrimary);
}

TEST(WorldFile, AnyWorldSurvives) {
  EXPECT_TRUE(rc::check("sizes and memory", [] {
    auto world = production();
    for (int i = *rc::gen::inRange(0, 40); i > 0; --i) {
      world.sizes.bytes[*rc::gen::inRange(0, kSlotCount)] = *rc::gen::inRange<Bytes>(0, kGiB);
      world.sizes.keys[*rc::gen::inRange(0, kSlotCount)] = *rc::gen::inRange(0, 1000);
    }
    world.nodes[0].memory.rss = *rc::gen::inRange<Bytes>(0, kGiB);
    const auto back = read_world(world_yaml(world), "w").value();
    RC_ASSERT(back.sizes.bytes == world.sizes.bytes);
    RC_ASSERT(back.sizes.keys == world.sizes.keys);
    RC_ASSERT(back.nodes[0].memory.rss == world.nodes[0].memory.rss);
  }));
}

TEST(WorldFile, SaysWhereAHandSlipped) {
  const std::vector<std::pair<std::string, std::string>> slips = {
      {"kind: ObservedWorld\nformat: 1\nnodes:\n- pod: a\n  limt: 1Gi\n", "w:5: a node has no field limt"},
      {"kind: ObservedWorld\nformat: 1\nnodes:\n- pod: a\n  limit: 1Gib\n", "w:5: limit:"},
      {"kind: ObservedWorld\nformat: 1\nnodes:\n- pod: a\n- pod: a\n", "w:5: two nodes are called a"},
      {"kind: ObservedWorld\nformat: 1\nnodes:\n- limit: 1Gi\n", "w:4: a node needs a pod name"},
      {"kind: ObservedWorld\nformat: 1\nnodes:\n- pod: a\n  slots: 9-3\n", "w:5: slots:"},
      {"kind: ObservedWorld\nformat: 1\nsizes:\n  runs:\n  - from: 16383\n    bytes: [1, 2]\n",
       "beyond slot 16383"},
      {"kind: ObservedWorld\nformat: 1\nsizes: {runs: [{from: 0, bytes: [x]}]}\n",
       "\"x\" is no size (slot 0)"},
      {"kind: Pod\n", "is no ObservedWorld"},
      {"[]", "is no ObservedWorld"},
  };
  for (const auto& [text, sentence] : slips) {
    const auto world = read_world(text, "w");
    ASSERT_FALSE(world) << text;
    EXPECT_EQ(world.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(world.error().message, HasSubstr(sentence)) << text;
  }
}

}  // namespace
}  // namespace rebalance
