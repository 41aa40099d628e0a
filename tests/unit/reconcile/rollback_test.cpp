#include "reconcile/rollback.h"

#include "drive.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

// In the middle: one batch has moved, and the next ones would start.
struct HalfWay : Drive {
  HalfWay() {
    resource.spec.batch.max_bytes = 8 * kMiB;
    resource.spec.batch.parallel_pairs = 1;
    home = layout_now(scene.world, "");
    until(State::kRebalancing);
    once();
    obey();
  }
  void ask() { resource.spec.execution = Execution::kRollBack; }
  void fail_for_good() {
    once();
    const Batch batch = first_batch();
    for (int i = 0; i < resource.spec.safety.max_failures; i++) {
      scene.ended.push_back({batch, {}, {}, Error{ErrorCode::kUnavailable, "connection refused"}, 0, false});
    }
    once();
  }
  // What a process that was killed leaves to the next one: the record.
  void restart() {
    RebalanceStatus fresh;
    fresh.execution_started = status.execution_started;
    fresh.roll_back = status.roll_back;
    status = fresh;
    notebook = {};
    scene.claim_held = false;
  }
  bool at_home() const { return layout_now(scene.world, "") == home; }
  InitialLayout home;
};

TEST(RollBack, GoesBackToTheLayoutOfTheStartWhenItIsAskedFor) {
  HalfWay drive;
  ASSERT_FALSE(drive.at_home());
  drive.ask();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRollingBack);
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
  EXPECT_EQ(drive.status.reason, "RolledBack");
  EXPECT_TRUE(drive.at_home());
}

TEST(RollBack, GoesBackFromAnEndAsWell) {
  HalfWay drive;
  ASSERT_EQ(drive.until_final(), State::kSucceeded);
  drive.status = {};  // another spec, another run
  drive.ask();
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
  EXPECT_TRUE(drive.at_home());
}

TEST(RollBack, IsAPlanUnderTheSameRulesOfMemory) {
  HalfWay drive;
  drive.ask();
  for (int i = 0; i < 200 && !is_final(drive.status.state); i++) {
    drive.once();
    std::vector<InFlight> beside;
    for (const auto& action : drive.last.actions) {
      const auto* start = std::get_if<StartBatch>(&action);
      if (start == nullptr) continue;
      EXPECT_LE(start->batch.bytes, drive.resource.spec.batch.max_bytes);
      EXPECT_FALSE(judge(drive.scene.world, start->batch, beside, drive.resource.spec, {}));
      beside.push_back({start->batch, start->key_room});
    }
    drive.obey();
  }
  EXPECT_EQ(drive.status.state, State::kRolledBack);
}

TEST(RollBack, ThatDoesNotFitAnyMoreSaysSoInNumbersAndHolds) {
  HalfWay drive;
  for (auto& node : drive.scene.world.nodes) node.memory.rss = node.limit * 84 / 100;
  drive.ask();
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "Ceiling");
  EXPECT_THAT(drive.status.message, HasSubstr("cannot roll back: redis-"));
  EXPECT_THAT(drive.status.message, HasSubstr("over its ceiling of 409.6Mi"));
  EXPECT_THAT(drive.status.message, HasSubstr("Enough would be: "));
  EXPECT_FALSE(drive.at_home());
}

TEST(RollBack, WaitsAsLongAsTheClusterIsNotCovered) {
  HalfWay drive;
  auto& owner = drive.scene.world.nodes[0];
  const auto all = owner.slots;
  owner.slots.remove(owner.slots.ranges().front().first);
  drive.scene.world.findings = {{Severity::kBlocker, "SlotsUnassigned", "", "a slot has no owner", "look"}};
  drive.ask();
  for (int i = 0; i < 100; i++) {
    drive.once();
    EXPECT_EQ(count<StartBatch>(drive.last), 0);
    drive.scene.now += std::chrono::seconds(60);
  }
  EXPECT_EQ(drive.status.state, State::kRollingBack);
  EXPECT_EQ(drive.status.reason, "SlotsUnassigned");
  owner.slots = all;
  drive.scene.world.findings.clear();
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

// Also one that is already moving back: there is nowhere else to go.
TEST(RollBack, WaitsForCoverageInItsMiddleToo) {
  HalfWay drive;
  drive.ask();
  drive.until_batch();
  drive.scene.world.findings = {{Severity::kBlocker, "NodeFailing", "redis-2", "it fails", "look"}};
  for (int i = 0; i < 10; i++) drive.once(), drive.scene.now += std::chrono::seconds(60);
  EXPECT_EQ(drive.status.state, State::kRollingBack);
  drive.scene.world.findings.clear();
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

TEST(RollBack, StopsWhatRunsAndClosesWhatIsOpenFirst) {
  HalfWay drive;
  drive.once();
  drive.scene.running = {drive.first_batch()};
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.ask();
  drive.once();
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(count<RepairOpen>(drive.last), 1);
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
  drive.obey();
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

TEST(RollBack, OfNothingIsDoneAtOnce) {
  Drive drive;
  drive.resource.spec.execution = Execution::kRollBack;
  EXPECT_EQ(drive.until_final(), State::kRolledBack);
  EXPECT_EQ(drive.status.reason, "NothingMoved");
  EXPECT_FALSE(drive.scene.claim_held);
}

TEST(RollBack, FollowsAFailureWhereTheSpecSaysSo) {
  HalfWay drive;
  drive.resource.spec.on_failure = OnFailure::kRollBack;
  drive.fail_for_good();
  EXPECT_EQ(drive.status.state, State::kRollingBack);
  EXPECT_TRUE(drive.last.actions.empty());
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
  EXPECT_EQ(drive.status.reason, "FailedAndRolledBack");
  EXPECT_THAT(drive.status.message, HasSubstr("connection refused"));
  EXPECT_TRUE(drive.at_home());
}

TEST(RollBack, DoesNotFollowAFailureWhereTheSpecSaysHold) {
  HalfWay drive;
  drive.fail_for_good();
  EXPECT_EQ(drive.status.state, State::kFailed);
}

// Nothing has moved, so there is nothing to take back.
TEST(RollBack, DoesNotFollowWhatIsRefusedBeforeTheFirstSlotMoves) {
  Drive drive;
  drive.resource.spec.on_failure = OnFailure::kRollBack;
  drive.resource.spec.big_keys.action = BigKeyAction::kSkipSlot;
  drive.scene.big_keys = std::unexpected(Error{ErrorCode::kUnavailable, "no answer"});
  EXPECT_EQ(drive.until_final(), State::kFailed);
}

TEST(RollBack, ThatFailsItselfHolds) {
  HalfWay drive;
  drive.resource.spec.on_failure = OnFailure::kRollBack;
  drive.fail_for_good();
  drive.until_batch();
  const Batch batch = drive.first_batch();
  for (int i = 0; i < drive.resource.spec.safety.max_failures; i++) {
    EXPECT_EQ(drive.status.state, State::kRollingBack) << "it has a budget of its own";
    drive.scene.ended = {{batch, {}, {}, Error{ErrorCode::kUnavailable, "refused again"}, 0, false}};
    drive.once();
  }
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_THAT(drive.status.message, HasSubstr("refused again"));
}

TEST(RollBack, GoesOnAfterAPauseAndAfterARestartWhateverTheSpecSaysThen) {
  HalfWay drive;
  drive.ask();
  drive.once();
  drive.resource.spec.execution = Execution::kPaused;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPaused);
  drive.resource.spec.execution = Execution::kPlanOnly;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPaused);
  EXPECT_TRUE(drive.last.actions.empty());
  drive.resource.spec.execution = Execution::kRun;
  drive.restart();
  drive.once();
  EXPECT_EQ(count<TakeClaim>(drive.last), 1);
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
  EXPECT_TRUE(drive.at_home());
}

TEST(RollBack, CanBeCancelled) {
  HalfWay drive;
  drive.ask();
  drive.once();
  drive.resource.spec.execution = Execution::kCancelled;
  EXPECT_EQ(drive.until_final(), State::kCancelled);
  EXPECT_FALSE(drive.at_home());
}

TEST(RollBack, WaitsForAnotherExecutor) {
  HalfWay drive;
  drive.scene.claim_held = false;
  drive.scene.claimed_by = "laptop since 10:00";
  drive.ask();
  drive.once();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
  drive.scene.claimed_by.clear();
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
}

TEST(RollBack, OfALayoutThatCannotBeReadHolds) {
  HalfWay drive;
  drive.scene.initial = std::unexpected(Error{ErrorCode::kInvalidInput, "no JSON"});
  drive.ask();
  EXPECT_EQ(drive.until_final(), State::kFailed);
  EXPECT_EQ(drive.status.reason, "LayoutUnreadable");
}

TEST(RollBack, PlansAgainWhatAFailoverLeftAway) {
  HalfWay drive;
  drive.ask();
  drive.until_batch();
  // Meanwhile somebody else sends slots of the plan to a node that it does not name as their source.
  const Batch batch = drive.first_batch();
  const int other = batch.target == id_of(0) ? 1 : 0;
  drive.scene.world.nodes[2].slots.remove(batch.slots);
  drive.scene.world.nodes[static_cast<std::size_t>(other)].slots.add(batch.slots);
  EXPECT_EQ(drive.until_final(), State::kRolledBack) << drive.status.message;
  EXPECT_TRUE(drive.at_home());
}

// Each row: what became of redis-1 since the start, and where its slots go back to.
struct WayBack : testing::Test {
  World world = two_and_an_empty_one().world;
  InitialLayout layout = layout_now(world, "");

  std::string way() const {
    const auto back = way_back(world, layout);
    if (!back) return back.error().message;
    std::string text;
    for (const auto& [slots, to] : *back) text += slots.text() + " to " + to + ";";
    return text;
  }
  void give_away(const char* slots) {
    world.nodes[1].slots.remove(SlotSet::parse(slots).value());
    world.nodes[2].slots.add(SlotSet::parse(slots).value());
  }
  void become_replica_of(int primary) {
    world.nodes[1].role = Role::kReplica;
    world.nodes[1].primary = id_of(primary);
    world.nodes[1].slots = {};
  }
};

TEST_F(WayBack, IsEmptyWhereEverythingIsAtHome) { EXPECT_EQ(way(), ""); }

TEST_F(WayBack, LeadsToTheOwnerOfTheStart) {
  give_away("9000-9099");
  EXPECT_EQ(way(), "9000-9099 to redis-1;");
}

TEST_F(WayBack, LeadsToTheReplicaThatTookOver) {
  give_away("9000-9099");
  auto heir = primary(3, "");
  heir.slots = world.nodes[1].slots;
  become_replica_of(3);
  world.nodes.push_back(heir);
  EXPECT_EQ(way(), "9000-9099 to redis-3;");
}

TEST_F(WayBack, LeadsToThePodWhereItsServerIsNew) {
  give_away("8192-16383");
  world.nodes.push_back(world.nodes[1]);
  world.nodes.erase(world.nodes.begin() + 1);
  world.nodes.back().id = id_of(7);
  EXPECT_EQ(way(), "8192-16383 to redis-1;");
}

// That is no failover: what it gave away would seem to be at home already.
TEST_F(WayBack, IsNotKnownWhereTheOwnerBecameAReplicaOfWhoTookItsSlots) {
  give_away("8192-16383");
  become_replica_of(2);
  EXPECT_THAT(way(), HasSubstr("redis-1, which owned 8192 slots at the start, is a replica of redis-2 now"));
}

TEST_F(WayBack, IsNotKnownWhereTheOwnerIsGone) {
  give_away("8192-16383");
  world.nodes.erase(world.nodes.begin() + 1);
  EXPECT_THAT(way(), HasSubstr("redis-1, which owned 8192 slots at the start, is gone"));
}

}  // namespace
}  // namespace rebalance
