#include "control/supervise.h"

#include <gtest/gtest.h>

#include "reconcile/decide.h"

namespace rebalance {
namespace {

using Verb = RunOrder::Verb;

struct Situation {
  KnownObject object{true, "uid-1", 3, false, true, State::kPlanning, 0};
  LocalRun run;
  Installation around;

  Situation& running(std::int64_t generation = 3) {
    run.active = true;
    run.uid = "uid-1";
    run.generation = generation;
    return *this;
  }
  Situation& ended(bool nothing_open = true) {
    run.uid = "uid-1";
    run.generation = 3;
    run.nothing_open = nothing_open;
    return *this;
  }
  RunOrder order() const { return supervise(object, run, around); }
  Verb verb() const { return order().verb; }
};

TEST(Supervise, ANewObjectIsStarted) { EXPECT_EQ(Situation().verb(), Verb::kStart); }

TEST(Supervise, WhatRunsForThisSpecIsLeftAlone) { EXPECT_EQ(Situation().running().verb(), Verb::kNothing); }

TEST(Supervise, AnEditedSpecStopsTheRunAndTheNewOneStarts) {
  auto edited = Situation().running(2);
  EXPECT_EQ(edited.order().reason, "SpecChanged");
  edited.run.stopping = true;
  EXPECT_EQ(edited.verb(), Verb::kNothing);
  edited.run = LocalRun{};
  EXPECT_EQ(edited.verb(), Verb::kStart);
}

TEST(Supervise, WhatEndedStaysEndedUntilTheSpecChanges) {
  for (const State state : {State::kSucceeded, State::kRefused, State::kPlanStale, State::kFailed,
                            State::kAwaitingApproval, State::kPaused}) {
    Situation done;
    done.object.finalizer = false;
    done.object.state = state;
    done.object.observed_generation = 3;
    EXPECT_EQ(done.verb(), Verb::kNothing) << state_name(state);
    done.object.generation = 4;
    EXPECT_EQ(done.verb(), Verb::kStart) << state_name(state);
  }
}

TEST(Supervise, ARaisedLimitIsLookedAtAgainForAsLongAsItTakes) {
  Situation done;
  done.object.state = State::kSucceeded;
  done.object.observed_generation = 3;
  done.ended(false).run.closings = 5;
  EXPECT_EQ(done.verb(), Verb::kNothing) << "slots that cannot be closed are for a person";
  done.run.limits_raised = true;
  EXPECT_EQ(done.verb(), Verb::kClose);
  done.run.backing_off = true;
  EXPECT_EQ(done.verb(), Verb::kNothing);
  done.run.backing_off = false;
  done.object.deleting = true;
  EXPECT_EQ(done.verb(), Verb::kRelease) << "an object that is deleted does not wait for ever";
}

TEST(Supervise, WhatWasCancelledOrRolledBackStaysSoWhateverTheSpecSaysNow) {
  for (const State state : {State::kCancelled, State::kRolledBack}) {
    Situation latched;
    latched.object.finalizer = false;
    latched.object.state = state;
    latched.object.observed_generation = 2;
    EXPECT_EQ(latched.verb(), Verb::kNothing) << state_name(state);
  }
}

TEST(Supervise, AnEndGivesTheFinalizerBackOnceNothingIsOpen) {
  Situation done;
  done.object.state = State::kSucceeded;
  done.object.observed_generation = 3;
  EXPECT_EQ(done.verb(), Verb::kClose) << "of an earlier process: it is looked at first";
  EXPECT_EQ(done.ended().verb(), Verb::kRelease);
  EXPECT_EQ(done.ended(false).verb(), Verb::kClose);
  done.run.closings = 3;
  EXPECT_EQ(done.verb(), Verb::kNothing);
}

TEST(Supervise, AnEndIsDeletedWhenItsTimeIsOverAndNothingOfItIsOpen) {
  for (const State state : {State::kSucceeded, State::kRolledBack, State::kRefused, State::kPlanStale,
                            State::kFailed, State::kCancelled}) {
    Situation done;
    done.object.state = state;
    done.object.observed_generation = 3;
    done.object.expired = true;
    EXPECT_EQ(done.verb(), Verb::kClose) << "its finalizer is there: " << state_name(state);
    EXPECT_EQ(done.ended().verb(), Verb::kRelease) << state_name(state);
    done.object.finalizer = false;
    EXPECT_EQ(done.verb(), Verb::kDelete) << state_name(state);
    done.object.expired = false;
    EXPECT_EQ(done.verb(), Verb::kNothing) << state_name(state);
  }
}

TEST(Supervise, WhatIsNoEndOrRunsAgainIsNeverDeleted) {
  for (const State state : kAllStates) {
    Situation other;
    other.object.finalizer = false;
    other.object.state = state;
    other.object.observed_generation = 3;
    other.object.expired = true;
    EXPECT_EQ(other.verb() == Verb::kDelete, is_final(state)) << state_name(state);
    other.object.observed_generation = 2;
    const bool latched = state == State::kCancelled || state == State::kRolledBack;
    EXPECT_EQ(other.verb(), latched ? Verb::kDelete : Verb::kStart) << state_name(state);
    other.object.observed_generation = 3;
    EXPECT_EQ(other.running().verb(), Verb::kNothing) << state_name(state);
  }
}

TEST(Supervise, ARunThatAnotherProcessLeftInTheMiddleGoesOn) {
  Situation crashed;
  crashed.object.state = State::kRebalancing;
  crashed.object.observed_generation = 3;
  EXPECT_EQ(crashed.verb(), Verb::kStart);
}

TEST(Supervise, WhatEndedWithoutAResultWaitsForItsPause) {
  auto waiting = Situation().ended();
  waiting.run.backing_off = true;
  EXPECT_EQ(waiting.verb(), Verb::kNothing);
  waiting.object.generation = 4;
  EXPECT_EQ(waiting.verb(), Verb::kStart) << "a new spec need not wait";
}

TEST(Supervise, AHoldStopsWhatRunsAndStartsNothing) {
  Situation held;
  held.around.held = "maintenance";
  EXPECT_EQ(held.verb(), Verb::kHold);
  EXPECT_EQ(held.order().why, "maintenance");
  EXPECT_EQ(held.running().verb(), Verb::kStop);
}

TEST(Supervise, NoMoreClustersMoveThanAllowed) {
  Situation full;
  full.around.room = false;
  EXPECT_EQ(full.order().reason, "WaitingForRoom");
  EXPECT_EQ(full.running().verb(), Verb::kNothing) << "what moves already goes on";
}

TEST(Supervise, ADeletedObjectStopsClosesAndIsReleased) {
  auto deleted = Situation().running();
  deleted.object.deleting = true;
  EXPECT_EQ(deleted.verb(), Verb::kStop);
  deleted.run = {};
  deleted.ended(false);
  EXPECT_EQ(deleted.verb(), Verb::kClose);
  deleted.run.active = deleted.run.closing = true;
  EXPECT_EQ(deleted.verb(), Verb::kNothing);
  deleted.run = {};
  deleted.ended(true);
  EXPECT_EQ(deleted.verb(), Verb::kRelease);
  deleted.object.finalizer = false;
  EXPECT_EQ(deleted.verb(), Verb::kForget);
}

TEST(Supervise, AfterARestartTheJournalIsReadBeforeADeletedObjectIsReleased) {
  Situation deleted;
  deleted.object.deleting = true;
  EXPECT_EQ(deleted.verb(), Verb::kClose);
}

TEST(Supervise, ADeletedObjectIsReleasedInTheEndWhateverIsOpen) {
  auto stuck = Situation().ended(false);
  stuck.object.deleting = true;
  stuck.run.closings = 3;
  EXPECT_EQ(stuck.verb(), Verb::kRelease);
}

TEST(Supervise, ANamesakeIsAnotherObject) {
  auto recreated = Situation().running();
  recreated.object.uid = "uid-2";
  EXPECT_EQ(recreated.verb(), Verb::kStop);
  recreated.run = {};
  EXPECT_EQ(recreated.verb(), Verb::kStart);
}

TEST(Supervise, WhatIsGoneIsStoppedAndForgotten) {
  auto gone = Situation().running();
  gone.object = {};
  EXPECT_EQ(gone.verb(), Verb::kStop);
  gone.run = {};
  EXPECT_EQ(gone.verb(), Verb::kForget);
}

}  // namespace
}  // namespace rebalance
