#include "drive.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;

std::vector<WorldNode> three_and_an_empty_one(const Version& version = primary(0, "").version) {
  std::vector<WorldNode> nodes{primary(0, "0-5460"), primary(1, "5461-10922"), primary(2, "10923-16383"),
                               primary(3, "")};
  for (auto& node : nodes) node.version = version;
  return nodes;
}

TEST(Decide, AnUnevenClusterIsPlannedClaimedMovedVerifiedAndDone) {
  Drive drive;
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  EXPECT_GT(drive.scene.world.nodes[2].slots.size(), 5000);
}

TEST(Decide, WhatIsBalancedSucceedsWithoutAClaim) {
  Drive drive;
  drive.scene.world.nodes = {primary(0, "0-8191"), primary(1, "8192-16383")};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kSucceeded);
  EXPECT_EQ(drive.status.reason, "NothingToDo");
  EXPECT_TRUE(drive.last.actions.empty());
}

TEST(Decide, NothingIsMovedBeforeTheClaimIsHeld) {
  Drive drive;
  drive.once();
  EXPECT_EQ(count<TakeClaim>(drive.last), 1);
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
}

TEST(Decide, WhenExecutionBeganIsRememberedOnceAndOnlyIfItDid) {
  Drive drive;
  drive.once();
  EXPECT_EQ(drive.status.execution_started, "");
  drive.until(State::kRebalancing);
  EXPECT_EQ(drive.status.execution_started, "2026-01-01T00:00:00Z");
  drive.scene.wall_time = "2026-01-02T00:00:00Z";
  drive.until_final();
  EXPECT_EQ(drive.status.execution_started, "2026-01-01T00:00:00Z");
}

TEST(Decide, ALiveClaimOfAnotherMeansWaitingAndSaysWho) {
  Drive drive;
  drive.scene.claimed_by = "laptop since 10:00";
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.status.reason, "WaitingForCluster");
  EXPECT_THAT(drive.status.message, HasSubstr("laptop since 10:00"));
  drive.scene.claimed_by.clear();
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
}

// A missing right, or an API server that is away: nobody else is accused of it.
TEST(Decide, AClaimThatCannotBeAskedForMeansWaitingAndSaysWhy) {
  Drive drive;
  drive.scene.claim_problem = "leases is forbidden";
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_EQ(drive.status.reason, "CannotClaim");
  EXPECT_THAT(drive.status.message, HasSubstr("leases is forbidden"));
  EXPECT_THAT(drive.last.actions, testing::SizeIs(1)) << "it is asked again";
  drive.scene.claim_problem.clear();
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
}

// Valkey issue 998: a replica that was away while its primary closed a slot keeps the mark.
TEST(Decide, MarksThatOnlyReplicasKeepAreClearedOnceBeforeTheEnd) {
  Drive drive;
  drive.until(State::kVerifying);
  drive.scene.open_slots = SlotSet::parse("7,9").value();
  drive.once();
  ASSERT_EQ(count<RepairOpen>(drive.last), 1);
  const auto& repair = std::get<RepairOpen>(drive.last.actions.front());
  EXPECT_FALSE(repair.whole_cluster);
  EXPECT_EQ(repair.replica_marks.text(), "7,9");
  drive.obey();  // its replica has not heard yet, which is no reason to try for ever
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
}

TEST(Decide, MarksThatOnlyReplicasKeepAreClearedBeforeTheFirstBatch) {
  Drive drive;
  drive.scene.open_slots = SlotSet::parse("7").value();
  while (count<RepairOpen>(drive.once()) == 0) {
    ASSERT_EQ(count<StartBatch>(drive.last), 0);
    drive.obey();
  }
  EXPECT_TRUE(drive.scene.claim_held);
  drive.obey();
  drive.scene.open_slots = {};
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
}

TEST(Decide, APlanAboveTheThresholdWaitsForItsHash) {
  Drive drive;
  drive.resource.spec.approval = {ApprovalMode::kThreshold, 100, kGiB, ""};
  drive.once();
  ASSERT_EQ(drive.status.state, State::kAwaitingApproval);
  EXPECT_THAT(drive.status.message, HasSubstr(drive.status.plan->hash));
  drive.resource.spec.approval.plan_hash = drive.status.plan->hash;
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
}

TEST(Decide, AnApprovalOfAnotherPlanIsStale) {
  Drive drive;
  drive.resource.spec.approval.plan_hash = "feedfeedfeedfeed";
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPlanStale);
}

TEST(Decide, PlanOnlyNeverExecutes) {
  Drive drive;
  drive.resource.spec.execution = Execution::kPlanOnly;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kSucceeded);
  EXPECT_EQ(drive.status.reason, "PlanReady");
  EXPECT_TRUE(drive.last.actions.empty());
}

TEST(Decide, ABlockerRefusesWithItsEvidenceAndRemedy) {
  Drive drive;
  drive.scene.world.findings.push_back(
      {Severity::kBlocker, "OpenSlots", "redis-1", "slot 7 is migrating", "finish it"});
  drive.once();
  EXPECT_EQ(count<TakeClaim>(drive.last), 1) << "somebody may just be at work";
  drive.obey();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRefused);
  EXPECT_EQ(drive.status.reason, "OpenSlots");
  EXPECT_THAT(drive.status.message, HasSubstr("redis-1: slot 7 is migrating; finish it"));
}

TEST(Decide, OpenSlotsOfALiveExecutorAreWaitedFor) {
  Drive drive;
  drive.scene.world.findings.push_back(
      {Severity::kBlocker, "OpenSlots", "redis-1", "slot 7 is migrating", "finish it"});
  drive.scene.claimed_by = "held by ci-42";
  drive.once();
  EXPECT_EQ(drive.status.state, State::kWaiting);
  EXPECT_THAT(drive.status.message, HasSubstr("held by ci-42"));
}

TEST(Decide, ViewsThatDisagreeGetTheTimeThatGossipTakes) {
  Drive drive;
  drive.scene.world.findings.push_back({Severity::kBlocker, "ViewsDisagree", "redis-1", "slot 7", "wait"});
  drive.scene.claim_held = true;
  drive.once();
  EXPECT_EQ(drive.status.reason, "Converging");
  drive.scene.now += std::chrono::seconds(11);
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRefused);
}

TEST(Decide, APrimaryWithoutReplicasIsRefusedWhenTheSpecRequiresThem) {
  Drive drive;
  drive.resource.spec.safety.replicas = Requirement::kRequire;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRefused);
  EXPECT_EQ(drive.status.reason, "ReplicasNotInSync");
  EXPECT_THAT(drive.status.message, HasSubstr("also ReplicasNotInSync at redis-"));
}

TEST(Decide, AStopLetsRunningBatchesEndAndStartsNothing) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  ASSERT_GE(count<StartBatch>(drive.last), 1);
  drive.scene.running = {std::get<StartBatch>(drive.last.actions.front()).batch};
  drive.scene.stop_asked = true;
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  EXPECT_EQ(count<StartBatch>(drive.last), 0);
}

TEST(Decide, WhatTheJournalHoldsOpenIsRepairedBeforeAnythingElse) {
  Drive drive;
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.scene.open_slots = drive.scene.journal_slots;
  drive.once();
  EXPECT_EQ(count<TakeClaim>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(count<RepairOpen>(drive.last), 1);
}

TEST(Decide, AClaimThatIsLostStopsWhatRunsAndEndsTheRunWithoutAFailure) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  const Batch batch = std::get<StartBatch>(drive.last.actions.front()).batch;
  drive.scene.running = {batch};
  drive.scene.claim_lost = "another operator has it";
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  drive.scene.running.clear();
  drive.once();
  EXPECT_EQ(drive.status.reason, "ClaimLost");
  EXPECT_EQ(drive.status.state, State::kRebalancing) << "it goes on when the cluster is claimed again";
}

TEST(Decide, WhatGoesAwayClosesWhatIsOpenAndStartsNothing) {
  Drive drive;
  drive.scene.close_asked = true;
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.once();
  EXPECT_EQ(count<TakeClaim>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(count<RepairOpen>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(drive.status.reason, "Stopped");
  EXPECT_FALSE(drive.status.plan);
}

TEST(Decide, WhatGoesAwayWithNothingOpenNeedsNoClaim) {
  Drive drive;
  drive.scene.close_asked = true;
  drive.once();
  EXPECT_EQ(drive.status.reason, "Stopped");
  EXPECT_TRUE(drive.last.actions.empty());
}

TEST(Decide, APodThatIsBeingDeletedStopsWhatRunsAndLetsNothingStart) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  drive.scene.running = {std::get<StartBatch>(drive.last.actions.front()).batch};
  drive.scene.world.nodes[2].deleting = true;
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  EXPECT_EQ(drive.status.reason, "PodDeleting");
  drive.scene.running.clear();
  drive.once();
  EXPECT_TRUE(drive.last.actions.empty());
  EXPECT_THAT(drive.status.message, HasSubstr("redis-2"));
}

TEST(Decide, ARolloutThatBeginsStopsWhatRunsUntilItIsOver) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  drive.scene.running = {std::get<StartBatch>(drive.last.actions.front()).batch};
  drive.scene.world.nodes[2].rollout = "redis";
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  EXPECT_EQ(drive.status.reason, "RolloutUnderWay");
  drive.scene.running.clear();
  drive.scene.world.nodes[2].rollout.clear();
  drive.once();
  EXPECT_GT(count<StartBatch>(drive.last), 0);
}

TEST(Decide, AtMostTwoSourcesMoveIntoOneTarget) {
  Drive drive;
  drive.scene.world.nodes = three_and_an_empty_one();
  drive.until(State::kRebalancing);
  drive.once();
  EXPECT_EQ(count<StartBatch>(drive.last), 2);
}

TEST(Decide, WhatABatchLeftOpenIsNotBegunAgainBesideOthersButRepairedAfterThem) {
  Drive drive;
  drive.until_batch();
  const Batch failed = drive.first_batch();
  const auto other = std::get<StartBatch>(drive.last.actions[1]).batch;
  ASSERT_NE(other.source, failed.source);
  drive.scene.running = {other};
  drive.scene.journal_slots = failed.slots;
  EXPECT_EQ(count<RepairOpen>(drive.once()), 0);
  for (const auto& action : drive.last.actions) {
    const auto* start = std::get_if<StartBatch>(&action);
    EXPECT_FALSE(start != nullptr && start->batch.slots.overlaps(failed.slots));
  }
  drive.scene.running.clear();
  EXPECT_EQ(count<RepairOpen>(drive.once()), 1);
}

TEST(Decide, AHotSlotStaysWhereTheSpecSaysSo) {
  Drive drive;
  drive.resource.spec.hot_slots.action = HotSlotAction::kSkipSlot;
  drive.resource.spec.goal.type = GoalType::kMove;
  drive.resource.spec.goal.assignments = {{SlotSet::parse("0-9").value(), "redis-2"}};
  drive.scene.world.sizes.bytes[5] = 40 * kMiB;
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  EXPECT_EQ(drive.scene.world.nodes[2].slots.text(), "0-4,6-9");
  EXPECT_EQ(drive.status.reason, "SlotsSkipped");
  EXPECT_THAT(drive.status.message, HasSubstr("the first, 5: it holds 40.0Mi, 33 % of redis-0"));
}

// The fastest for who asks for it, else what clients feel least.
TEST(Decide, LiveCopyIntoOneTargetIsFromOneSourceUnlessItIsAskedFor) {
  for (const auto& [asked, pairs] :
       {std::pair(EngineChoice::kAuto, 1), std::pair(EngineChoice::kLiveCopy, 3)}) {
    Drive drive;
    drive.resource.spec.engine = asked;
    drive.scene.world.nodes = three_and_an_empty_one({ServerKind::kRedis, 7, 0, 15});
    drive.until(State::kRebalancing);
    drive.once();
    EXPECT_EQ(count<StartBatch>(drive.last), pairs);
  }
}

TEST(Decide, APauseStopsWhatRunsClosesWhatIsOpenAndGoesOnWithTheSamePlan) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  const auto hash = drive.status.plan->hash;
  drive.scene.running = {std::get<StartBatch>(drive.last.actions.front()).batch};
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.resource.spec.execution = Execution::kPaused;
  drive.once();
  EXPECT_EQ(count<StopBatches>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(count<RepairOpen>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPaused);
  EXPECT_TRUE(drive.last.actions.empty());
  drive.resource.spec.execution = Execution::kRun;
  EXPECT_EQ(drive.until_final(), State::kSucceeded) << drive.status.message;
  EXPECT_EQ(drive.status.plan->hash, hash);
}

TEST(Decide, WhatARepairCannotCloseSinceANodeIsAwayIsWaitedForThenAPersonIsAsked) {
  Drive drive;
  drive.resource.spec.safety.coverage_timeout_seconds = 5;
  drive.until(State::kRebalancing);
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.scene.world.findings = {
      {Severity::kBlocker, "NodeUnreachable", "redis-2", "it does not answer", "look at it"}};
  int repairs = 0;
  for (int i = 0; i < 20 && !is_final(drive.status.state); ++i) {
    drive.once();
    drive.scene.repaired = count<RepairOpen>(drive.last) > 0;
    repairs += drive.scene.repaired ? 1 : 0;
  }
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_EQ(drive.status.reason, "NodeUnreachable");
  EXPECT_GT(repairs, 1);
}

TEST(Decide, ACancelIsFinal) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.resource.spec.execution = Execution::kCancelled;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kCancelled);
  drive.resource.spec.execution = Execution::kRun;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kCancelled);
}

TEST(Decide, APauseBeforeAnythingBeganNeedsNoClaim) {
  Drive drive;
  drive.resource.spec.execution = Execution::kPaused;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPaused);
  EXPECT_TRUE(drive.last.actions.empty());
}

TEST(Decide, AtomicMigrationsThatShareAServerComeOneAfterTheOther) {
  Drive drive;
  drive.scene.world.nodes = three_and_an_empty_one({ServerKind::kRedis, 8, 6, 0});
  drive.until(State::kRebalancing);
  drive.once();
  EXPECT_EQ(count<StartBatch>(drive.last), 1);
}

TEST(Decide, ARestartInTheMiddleStopsRepairsAndAsksAPerson) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.scene.world.nodes[2].run_id = "life-2";
  drive.scene.journal_slots = SlotSet::parse("5").value();
  drive.once();
  EXPECT_EQ(count<RepairOpen>(drive.last), 1);
  drive.obey();
  drive.once();
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_THAT(drive.status.message, HasSubstr("redis-2 restarted"));
}

TEST(Decide, FailuresAreSpacedAndTheirBudgetEnds) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  const Batch batch = std::get<StartBatch>(drive.last.actions.front()).batch;
  for (int attempt = 1; attempt <= drive.resource.spec.safety.max_failures; attempt++) {
    drive.scene.ended = {{batch, {}, {}, Error{ErrorCode::kUnavailable, "connection refused"}, 0, false}};
    drive.once();
    EXPECT_EQ(count<StartBatch>(drive.last), 0) << "no start right after failure " << attempt;
    drive.scene.now += std::chrono::seconds(90);
  }
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_THAT(drive.status.message, HasSubstr("connection refused"));
}

// Of which one cannot reach the other, say.
TEST(Decide, APairThatFailsAgainAndAgainIsLeftUntilTheOthersAreDone) {
  Drive drive;
  drive.resource.spec.batch.parallel_pairs = 1;
  drive.resource.spec.batch.max_bytes = kMiB;  // many batches of each
  std::vector<bool> failed;
  for (int i = 0; i < 500 && !is_final(drive.status.state); i++) {
    drive.once();
    const bool starts = count<StartBatch>(drive.last) > 0;
    if (!starts) drive.obey();
    if (!starts) continue;
    const Batch batch = std::get<StartBatch>(drive.last.actions.front()).batch;
    failed.push_back(batch.source == id_of(0));
    if (failed.back()) {
      drive.scene.ended = {{batch, {}, {}, Error{ErrorCode::kUnavailable, "no route to host"}, 0, false}};
      drive.scene.now += std::chrono::seconds(60);
    } else {
      drive.complete(batch);
    }
  }
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_THAT(drive.status.message, HasSubstr("gave up after 5 failures"));
  const auto last_success = std::ranges::find(failed.rbegin(), failed.rend(), false).base();
  EXPECT_EQ(std::count(failed.begin(), last_success, true), 2) << "then the other pair goes on";
  EXPECT_EQ(std::count(last_success, failed.end(), true), 3) << "and in the end it is tried again";
  EXPECT_LT(drive.scene.world.nodes[1].slots.size(), 6000) << "which has given what it should";
}

TEST(Decide, ABudgetOfNoFailuresEndsWithTheFirstAndNotBefore) {
  Drive drive;
  drive.resource.spec.safety.max_failures = 0;
  drive.until_batch();
  drive.scene.ended = {
      {drive.first_batch(), {}, {}, Error{ErrorCode::kUnavailable, "connection refused"}, 0, false}};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kFailed);
  EXPECT_EQ(drive.status.failure_count, 1);
}

TEST(Decide, ASlotThatWasSkippedIsNotTriedAgainAndIsNamed) {
  Drive drive;
  drive.until(State::kRebalancing);
  drive.once();
  Batch batch = std::get<StartBatch>(drive.last.actions.front()).batch;
  const Slot big = batch.slots.ranges().front().first;
  Batch moved = batch;
  moved.slots.remove({big, big});
  drive.complete(moved);
  drive.scene.ended.back().skipped = {{big, "a key of 900Mi"}};
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
  EXPECT_EQ(drive.status.reason, "SlotsSkipped");
  EXPECT_THAT(drive.status.message, HasSubstr("a key of 900Mi"));
}

TEST(Decide, APlanThatWaitsIsKeptWhileSizesWaverAndMadeAnewWhenTheyChange) {
  Drive drive;
  drive.resource.spec.approval.mode = ApprovalMode::kManual;
  drive.once();
  const std::string hash = drive.status.plan->hash;
  for (Slot slot = 0; slot < 100; slot++) drive.scene.world.sizes.bytes[slot] += kKiB;
  drive.once();
  EXPECT_EQ(drive.status.plan->hash, hash);
  for (const auto& range : drive.status.plan->batches.front().slots.ranges()) {
    for (int slot = range.first; slot <= range.last; slot++) drive.scene.world.sizes.bytes[slot] *= 5;
  }
  drive.once();
  EXPECT_NE(drive.status.plan->hash, hash);
  EXPECT_EQ(drive.status.state, State::kAwaitingApproval) << drive.status.message;
}

TEST(Decide, ALimitThatWasLoweredMakesAnApprovedPlanStale) {
  Drive drive;
  drive.resource.spec.approval.mode = ApprovalMode::kManual;
  drive.once();
  drive.resource.spec.approval.plan_hash = drive.status.plan->hash;
  drive.scene.world.nodes[2].limit /= 2;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPlanStale);
  EXPECT_THAT(drive.status.message, HasSubstr("redis-2 was lowered from 512.0Mi to 256.0Mi"));
}

TEST(Decide, BigKeysAreLookedForBeforeTheFirstMoveAndTheirSlotsStay) {
  Drive drive;
  drive.resource.spec.big_keys.action = BigKeyAction::kSkipSlot;
  drive.once();
  ASSERT_EQ(count<FindBigKeys>(drive.last), 1);
  const Slot big = drive.status.plan->batches.front().slots.ranges().front().first;
  drive.scene.big_keys = std::map<Slot, std::string>{{big, "a hash of 90Mi"}};
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
  EXPECT_FALSE(drive.scene.world.nodes[2].slots.contains(big));
  EXPECT_THAT(drive.status.message, HasSubstr("a hash of 90Mi"));
}

TEST(Decide, BigKeysRefuseTheWholeWorkWhenTheSpecSaysSo) {
  Drive drive;
  drive.resource.spec.big_keys.action = BigKeyAction::kRefuse;
  drive.scene.big_keys = std::map<Slot, std::string>{{7, "a hash of 90Mi"}};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRefused);
  EXPECT_EQ(drive.status.reason, "BigKeys");
  EXPECT_TRUE(drive.last.actions.empty());
}

TEST(Decide, AnApprovedPlanIsResumedAndOneThatNoLongerFitsTheClusterIsStaleIfAPersonApprovedIt) {
  Drive drive;
  drive.until(State::kRebalancing);
  RebalanceStatus recorded = drive.status;
  recorded.state = State::kPlanning;  // another process begins with the record
  drive.status = recorded;
  drive.notebook = {};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRebalancing);
  drive.status = recorded;
  const Batch& first = drive.status.plan->batches.front();
  const int source = first.source == id_of(0) ? 0 : 1;
  drive.scene.world.nodes[source].slots.remove(first.slots);
  drive.scene.world.nodes[1 - source].slots.add(first.slots);  // somebody else moved them elsewhere
  const auto elsewhere = drive.status;
  drive.once();
  EXPECT_EQ(drive.status.state, State::kRebalancing) << "nobody had to approve it: it is made anew";
  EXPECT_NE(drive.status.plan->hash, elsewhere.plan->hash);
  drive.status = elsewhere;
  drive.resource.spec.approval = {.mode = ApprovalMode::kManual, .plan_hash = elsewhere.plan->hash};
  drive.once();
  EXPECT_EQ(drive.status.state, State::kPlanStale);
}

TEST(Decide, AGrowthAboveTheEstimateHalvesWhatFollows) {
  Drive drive;
  drive.resource.spec.batch.max_bytes = 4 * kMiB;
  drive.until(State::kRebalancing);
  drive.once();
  const Batch batch = std::get<StartBatch>(drive.last.actions.front()).batch;
  drive.complete(batch);
  drive.scene.ended.back().grown = batch.bytes * 2;
  drive.once();
  ASSERT_GE(count<StartBatch>(drive.last), 1);
  EXPECT_LE(std::get<StartBatch>(drive.last.actions.front()).batch.bytes, 2 * kMiB + kSlotBytes);
}

TEST(Decide, KeysAreDeletedOnlyWhereTheInstallationAllowsIt) {
  Drive drive;
  drive.resource.spec.cold_keys.remove = true;
  EXPECT_EQ(drive.until_final(), State::kRefused);
  EXPECT_EQ(drive.status.reason, "DeletionNotAllowed");
  EXPECT_EQ(drive.scene.world.nodes[2].slots.size(), 0);
  Drive allowed;
  allowed.resource.spec.cold_keys.remove = true;
  allowed.scene.cold_deletion_allowed = true;
  EXPECT_EQ(allowed.until_final(), State::kSucceeded);
}

// A node that takes slots has its config epoch raised: what it gives meanwhile could come back to it.
TEST(Decide, WhoTakesDoesNotGiveMeanwhile) {
  Drive drive;
  drive.resource.spec.goal.type = GoalType::kMove;
  drive.resource.spec.goal.assignments = {{SlotSet::parse("0-9").value(), "redis-1"},
                                          {SlotSet::parse("8192-8201").value(), "redis-2"}};
  drive.until_batch();
  EXPECT_EQ(count<StartBatch>(drive.last), 1);
  EXPECT_EQ(drive.until_final(), State::kSucceeded);
}

TEST(Decide, NothingIsVerifiedWhileNodesDisagreeAndThatIsNotWaitedForForEver) {
  Drive drive;
  drive.until(State::kVerifying);
  drive.scene.world.findings = {{Severity::kBlocker, "ViewsDisagree", "redis-1", "slot 7", "wait"}};
  EXPECT_EQ(drive.once().status.state, State::kVerifying);
  EXPECT_EQ(drive.status.reason, "Converging");
  drive.scene.now += std::chrono::seconds(31);
  EXPECT_EQ(drive.once().status.state, State::kFailed);
  EXPECT_EQ(drive.status.reason, "NotConverged");
}

}  // namespace
}  // namespace rebalance
