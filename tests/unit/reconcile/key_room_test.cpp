// How big a key may travel in a batch, and what becomes of a slot whose key had no room.
#include "drive.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

Bytes all_the_room(const Drive& drive, const Batch& batch) {
  return room_for_key(drive.scene.world, batch, {}, drive.resource.spec, drive.notebook.factors);
}

TEST(Decide, ABatchThatRunsByItselfGetsAllTheRoomThatIsThereForAKey) {
  Drive drive;
  drive.resource.spec.batch.parallel_pairs = 1;
  drive.until_batch();
  const auto& start = std::get<StartBatch>(drive.last.actions.front());
  EXPECT_GE(start.key_room, kMigratePayload);
  EXPECT_EQ(start.key_room, all_the_room(drive, start.batch));
}

TEST(Decide, BatchesThatRunTogetherShareTheRoomForKeysSoThatAllOfThemFit) {
  Drive drive;
  for (auto& node : drive.scene.world.nodes) node.limit = 160 * kMiB;
  drive.until_batch();
  ASSERT_EQ(count<StartBatch>(drive.last), 2);
  std::vector<InFlight> all;
  for (const auto& action : drive.last.actions) {
    const auto& start = std::get<StartBatch>(action);
    EXPECT_GE(start.key_room, kMigratePayload);
    EXPECT_LT(start.key_room, all_the_room(drive, start.batch));
    all.push_back({start.batch, start.key_room});
  }
  // Beside both with their biggest keys, the target is still under its ceiling.
  const Batch none{.source = all[0].batch.source, .target = all[0].batch.target};
  EXPECT_FALSE(judge(drive.scene.world, none, all, drive.resource.spec, drive.notebook.factors));
}

// Its batch ends with all slots moved but this one.
Slot keep_back(Drive& drive, const StartBatch& start, Bytes key) {
  const Slot slot = start.batch.slots.ranges().front().first;
  Batch moved = start.batch;
  moved.slots.remove(slot);
  drive.complete(moved);
  drive.scene.ended.back().skipped = {{slot, "no room for a key of " + human_bytes(key)}};
  drive.scene.ended.back().no_room[slot] = key;
  return slot;
}

TEST(Decide, ASlotWhoseKeyHadNoRoomBesideOthersGoesByItselfAtTheEnd) {
  Drive drive;
  drive.until_batch();
  const Slot slot = keep_back(drive, std::get<StartBatch>(drive.last.actions.front()), 90 * kMiB);
  Decision alone;
  for (int i = 0; i < 200 && !is_final(drive.status.state); i++) {
    drive.once();
    for (const auto& action : drive.last.actions) {
      const auto* start = std::get_if<StartBatch>(&action);
      if (start != nullptr && start->batch.slots.contains(slot)) alone = drive.last;
    }
    drive.obey();
  }
  EXPECT_EQ(drive.status.state, State::kSucceeded) << drive.status.message;
  EXPECT_NE(drive.status.reason, "SlotsSkipped");
  ASSERT_EQ(alone.actions.size(), 1) << "nothing starts beside it";
  const auto& start = std::get<StartBatch>(alone.actions.front());
  EXPECT_EQ(start.batch.slots.text(), std::to_string(slot));
  EXPECT_TRUE(alone.notebook.key_rooms.at(start.batch.index).all);
  EXPECT_GT(start.key_room, 90 * kMiB);
}

// The buffers of what moved before are freed, and resident for some seconds still.
TEST(Decide, ASlotWhoseKeyHasNoRoomYetIsWaitedForUntilThereIs) {
  Drive drive;
  drive.until_batch();
  const Slot slot = keep_back(drive, std::get<StartBatch>(drive.last.actions.front()), 90 * kMiB);
  const auto starts_it = [&] {
    return std::ranges::any_of(drive.once().actions, [&](const Action& action) {
      const auto* start = std::get_if<StartBatch>(&action);
      return start != nullptr && start->batch.slots.contains(slot);
    });
  };
  auto& target = drive.scene.world.nodes[2];
  for (int i = 0; i < 15; i++) {
    target.memory.rss = 300 * kMiB;
    EXPECT_FALSE(starts_it());
    drive.obey();
  }
  EXPECT_EQ(drive.status.state, State::kRebalancing);
  EXPECT_THAT(drive.status.message, HasSubstr("a key of 90.0Mi"));
  target.memory.rss = target.memory.used * 108 / 100;
  EXPECT_TRUE(starts_it());
}

TEST(Decide, NothingStartsBesideASlotThatGoesByItself) {
  Drive drive;
  drive.until_batch();
  const Batch batch = drive.first_batch();
  drive.scene.running = {batch};
  drive.notebook.key_rooms = {{batch.index, {90 * kMiB, true}}};
  drive.once();
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
  drive.notebook.key_rooms = {{batch.index, {kMigratePayload, false}}};
  drive.once();
  EXPECT_GE(count<StartBatch>(drive.last), 1);
}

TEST(Decide, ASlotWhoseKeyHasNoRoomEvenByItselfIsSkipped) {
  Drive drive;
  drive.until_batch();
  const Slot slot = keep_back(drive, std::get<StartBatch>(drive.last.actions.front()), 300 * kMiB);
  for (int i = 0; i < 200 && !is_final(drive.status.state); i++) {
    drive.once();
    for (const auto& action : drive.last.actions) {
      const auto* start = std::get_if<StartBatch>(&action);
      if (start == nullptr) continue;
      if (start->batch.slots.contains(slot)) {
        keep_back(drive, *start, 300 * kMiB);
      } else {
        drive.complete(start->batch);
      }
    }
  }
  EXPECT_EQ(drive.status.state, State::kSucceeded) << drive.status.message;
  EXPECT_EQ(drive.status.reason, "SlotsSkipped");
  EXPECT_THAT(drive.status.message, HasSubstr("a key of 300"));
}

}  // namespace
}  // namespace rebalance
