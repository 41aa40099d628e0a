// What waits instead of being refused, and goes on by itself.
#include "drive.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

// The empty primary cannot take its share.
struct NoRoom : Drive {
  NoRoom() {
    resource.spec.headroom.on_shortage = OnShortage::kWait;
    scene.world.nodes[2].memory.maxmemory = 3 * kMiB;
  }
  void make_room() { scene.world.nodes[2].memory.maxmemory = 0; }
};

TEST(OnShortage, RefusesUnlessTheSpecSaysWait) {
  NoRoom drive;
  drive.resource.spec.headroom.on_shortage = OnShortage::kRefuse;
  EXPECT_EQ(drive.until_final(), State::kRefused);
  EXPECT_EQ(drive.status.reason, "Maxmemory");
}

TEST(OnShortage, WaitsWithTheFiguresAndGoesOnOnceThereIsRoom) {
  NoRoom drive;
  for (int look = 0; look < 3; look++) {
    drive.once();
    EXPECT_EQ(drive.status.state, State::kWaiting);
    EXPECT_EQ(drive.status.reason, "WaitingForMemory");
    EXPECT_THAT(drive.status.message, HasSubstr("redis-2"));
    EXPECT_THAT(drive.status.message, HasSubstr("Enough would be: "));
    EXPECT_TRUE(drive.last.actions.empty());
    EXPECT_GE(drive.last.requeue, std::chrono::seconds(10)) << "a look measures all slots";
  }
  drive.make_room();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  EXPECT_GT(drive.scene.world.nodes[2].slots.size(), 5000);
}

TEST(OnShortage, WhatStandsInTheWayMeanwhileIsWaitedForToo) {
  NoRoom drive;
  drive.once();
  drive.scene.world.findings = {{Severity::kBlocker, "NodeUnreachable", "redis-1", "no answer", "look"}};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.status.reason, "NodeUnreachable");
  drive.scene.world.findings.clear();
  drive.make_room();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(OnShortage, TheApprovalIsOfThePlanThatFits) {
  NoRoom drive;
  drive.resource.spec.approval.mode = ApprovalMode::kManual;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  drive.make_room();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kAwaitingApproval);
}

// More memory would not help: there is none that counts.
TEST(OnShortage, WhatIsNoMatterOfBytesIsRefusedAllTheSame) {
  NoRoom drive;
  drive.make_room();
  drive.scene.world.nodes[2].limit = 0;
  EXPECT_EQ(drive.until_final(), State::kRefused);
  EXPECT_EQ(drive.status.reason, "NoLimit");
}

TEST(OnShortage, APlanAloneIsNotWaitedFor) {
  NoRoom drive;
  drive.resource.spec.execution = Execution::kPlanOnly;
  EXPECT_EQ(drive.until_final(), State::kRefused);
}

// Batches are under way when the room goes.
struct NoRoomAnyMore : NoRoom {
  NoRoomAnyMore() {
    make_room();
    resource.spec.batch.max_bytes = 8 * kMiB;
    until_batch();
    obey();
    scene.world.nodes[2].memory.maxmemory = 3 * kMiB;
  }
  void stay_for(std::chrono::seconds time) {
    for (const auto end = scene.now + time; scene.now < end; scene.now += std::chrono::seconds(9)) once();
  }
};

TEST(OnShortage, InTheMiddleItWaitsWithoutEndToo) {
  NoRoomAnyMore drive;
  drive.stay_for(std::chrono::seconds(3600));
  EXPECT_EQ(drive.status.state, State::kRebalancing);
  EXPECT_EQ(drive.status.reason, "WaitingForMemory");
  drive.make_room();
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(OnShortage, InTheMiddleAPersonIsAskedAfterAMinuteUnlessTheSpecSaysWait) {
  NoRoomAnyMore drive;
  drive.resource.spec.headroom.on_shortage = OnShortage::kRefuse;
  drive.stay_for(std::chrono::seconds(50));
  EXPECT_EQ(drive.status.reason, "WaitingForMemory");
  drive.stay_for(std::chrono::seconds(30));
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_EQ(drive.status.reason, "Maxmemory");
}

TEST(OnShortage, ARollbackWaitsForRoomToo) {
  NoRoomAnyMore drive;
  for (auto& node : drive.scene.world.nodes) node.memory.maxmemory = node.memory.used;
  drive.resource.spec.execution = Execution::kRollBack;
  for (int i = 0; i < 5; i++) drive.once(), drive.obey();
  EXPECT_EQ(drive.status.state, State::kRollingBack);
  EXPECT_EQ(drive.status.reason, "WaitingForMemory");
  for (auto& node : drive.scene.world.nodes) node.memory.maxmemory = 0;
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

using std::chrono::hours;
using std::chrono::minutes;

// A Saturday.
constexpr std::chrono::sys_seconds kSaturday =
    std::chrono::sys_days(std::chrono::year(2026) / std::chrono::January / 3);

struct Hour {
  const char* name;
  std::vector<Window> windows;
  std::chrono::minutes now;   // since the Saturday began
  std::chrono::minutes next;  // opening, since then; 0: it is open
};

TEST(Windows, OpenAndCloseByTheClocksOfTheirZone) {
  const TimeZones zones{{"UTC", {}}};
  const Window night{{"Sat"}, "22:00", "04:00", "UTC"}, noon{{"Sat", "Mon"}, "12:00", "13:00", "UTC"};
  const std::vector<Hour> rows = {
      {"no window means always", {}, hours(5), {}},
      {"before it opens", {noon}, hours(11) + minutes(59), hours(12)},
      {"as it opens", {noon}, hours(12), {}},
      {"its last minute", {noon}, hours(12) + minutes(59), {}},
      {"as it closes", {noon}, hours(13), hours(48 + 12)},
      {"over midnight it is still Saturday's", {night}, hours(24 + 3), {}},
      {"and not Friday's", {night}, hours(3), hours(22)},
      {"a week to the next", {night}, hours(24 + 4), hours(7 * 24 + 22)},
      {"the first of two", {noon, night}, hours(14), hours(22)},
      {"any of two", {noon, night}, hours(23), {}},
  };
  for (const auto& row : rows) {
    const auto [open, next] = opening_at(kSaturday + row.now, row.windows, zones);
    EXPECT_EQ(open, row.next == minutes(0)) << row.name;
    EXPECT_EQ(next.value_or(kSaturday), kSaturday + row.next) << row.name;
  }
}

TEST(Windows, OfAZoneThatIsNotKnownIsRefused) {
  Drive drive;
  drive.resource.spec.windows = {{{"Sat"}, "01:00", "05:00", "Europe/Berln"}};
  EXPECT_EQ(drive.until_final(), State::kRefused);
  EXPECT_THAT(drive.status.message, HasSubstr("Europe/Berln"));
}

struct Nightly : Drive {
  Nightly() {
    resource.spec.windows = {{{"Sat", "Sun"}, "01:00", "05:00", "UTC"}};
    resource.spec.batch.max_bytes = 8 * kMiB;
    scene.zones = {{"UTC", {}}};
    scene.wall = kSaturday;
  }
};

TEST(Windows, OutsideNothingStartsAndTheNextOpeningIsTold) {
  Nightly drive;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.status.reason, "Window");
  EXPECT_THAT(drive.status.message, HasSubstr("2026-01-03T01:00:00Z"));
  EXPECT_TRUE(drive.last.actions.empty()) << "not even a claim";
  drive.scene.wall += hours(1);
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(Windows, WhatStandsInTheWayByDayIsNoReasonToGiveUp) {
  Nightly drive;
  drive.once();
  drive.scene.world.findings = {{Severity::kBlocker, "NodeUnreachable", "redis-1", "no answer", "look"}};
  drive.once();
  EXPECT_EQ(drive.status.reason, "Window");
  drive.scene.world.findings.clear();
  drive.scene.wall += hours(1);
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
}

TEST(Windows, WakesWhenItOpens) {
  Nightly drive;
  drive.scene.wall += minutes(59) + std::chrono::seconds(55);
  EXPECT_EQ(drive.once().requeue, std::chrono::seconds(5));
}

TEST(Windows, WhatRunsAsItClosesStopsAtItsNextSafePointAndGoesOnTheNextNight) {
  Nightly drive;
  drive.scene.wall += hours(4);
  drive.until_batch();
  const auto hash = drive.status.plan->hash;
  drive.scene.running = {drive.first_batch()};
  drive.scene.wall += hours(1);
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
  drive.scene.running.clear();
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.once();
  EXPECT_EQ(count<RepairOpen>(drive.last), 1) << "nothing stays open over the day";
  drive.obey();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.status.reason, "Window");
  EXPECT_THAT(drive.status.message, HasSubstr("2026-01-04T01:00:00Z"));
  drive.scene.wall += hours(20);
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  EXPECT_EQ(drive.status.plan->hash, hash);
}

TEST(Windows, ARollbackKeepsToThemToo) {
  Nightly drive;
  drive.scene.wall += hours(4);
  drive.until_batch();
  drive.obey();
  drive.scene.wall += hours(2);
  drive.resource.spec.execution = Execution::kRollBack;
  for (int i = 0; i < 5; i++) drive.once(), drive.obey();
  EXPECT_EQ(drive.status.state, State::kRollingBack);
  EXPECT_EQ(drive.status.reason, "Window");
  drive.scene.wall += hours(19);
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

}  // namespace
}  // namespace rebalance
