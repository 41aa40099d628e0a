#include "api/conditions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace rebalance {
namespace {

using ::testing::HasSubstr;

constexpr auto kTrue = ConditionStatus::kTrue;
constexpr auto kFalse = ConditionStatus::kFalse;
constexpr auto kUnknown = ConditionStatus::kUnknown;

RebalanceStatus status_in(State state, std::string reason = "Because") {
  RebalanceStatus status;
  status.state = state;
  status.reason = std::move(reason);
  status.message = "a sentence";
  return status;
}

Plan plan_of_one_batch() {
  Plan plan;
  plan.hash = "e3e0b82cf17907f4";
  plan.slots = 10;
  plan.bytes = 3 * kMiB;
  plan.batches = {{0, "a", "b", SlotSet::parse("0-9").value(), 3 * kMiB, 3}};
  return plan;
}

std::map<std::string, Condition> told(const RebalanceStatus& status, const RebalanceSpec& spec = {},
                                      const World* world = nullptr) {
  std::map<std::string, Condition> by_type;
  for (auto& condition : conditions_of(status, {spec, 7, world, "2026-01-01T00:00:00Z"}, {}))
    by_type[condition.type] = condition;
  return by_type;
}

// What kstatus reads, state by state: the table of the API's design.
TEST(Conditions, ExactlyOneOfReadyReconcilingAndStalledIsTrueInEveryState) {
  const std::map<State, std::string> table = {
      {State::kPlanning, "Reconciling"},    {State::kAwaitingApproval, "Reconciling"},
      {State::kWaiting, "Reconciling"},     {State::kPaused, "Reconciling"},
      {State::kRebalancing, "Reconciling"}, {State::kVerifying, "Reconciling"},
      {State::kObserving, "Ready"},         {State::kSucceeded, "Ready"},
      {State::kRollingBack, "Reconciling"}, {State::kRolledBack, "Ready"},
      {State::kCanary, "Reconciling"},      {State::kRefused, "Stalled"},
      {State::kPlanStale, "Stalled"},       {State::kFailed, "Stalled"},
      {State::kCancelled, "Stalled"}};
  for (const auto state : kAllStates) {
    const auto conditions = told(status_in(state));
    for (const char* type : {"Ready", "Reconciling", "Stalled"}) {
      EXPECT_EQ(conditions.at(type).status, table.at(state) == type ? kTrue : kFalse)
          << state_name(state) << " " << type;
      EXPECT_EQ(conditions.at(type).reason, "Because");
      EXPECT_EQ(conditions.at(type).message, "a sentence");
    }
  }
}

TEST(Conditions, AreAllThereFromTheFirstWriteAndObserveTheGeneration) {
  const auto all =
      conditions_of(RebalanceStatus{}, {RebalanceSpec{}, 7, nullptr, "2026-01-01T00:00:00Z"}, {});
  std::vector<std::string> types;
  for (const auto& condition : all) {
    types.push_back(condition.type);
    EXPECT_EQ(condition.observed_generation, 7);
    EXPECT_EQ(condition.last_transition, "2026-01-01T00:00:00Z");
    EXPECT_FALSE(condition.reason.empty()) << condition.type;
  }
  EXPECT_THAT(types,
              ::testing::ElementsAre("Ready", "Reconciling", "Stalled", "Converged", "HeadroomSufficient",
                                     "PlanReady", "Approved", "Executing", "Balanced", "SafeToDecommission"));
}

TEST(Conditions, TheTransitionTimeMovesOnlyWhenTheStatusChanges) {
  const RebalanceSpec spec;
  const auto first = conditions_of(status_in(State::kPlanning), {spec, 1, nullptr, "t1"}, {});
  const auto moving =
      conditions_of(status_in(State::kRebalancing, "Moving"), {spec, 1, nullptr, "t2"}, first);
  const auto done = conditions_of(status_in(State::kSucceeded, "Done"), {spec, 2, nullptr, "t3"}, moving);
  const auto time = [](const std::vector<Condition>& all, const char* type) {
    return std::ranges::find(all, type, &Condition::type)->last_transition;
  };
  EXPECT_EQ(time(moving, "Ready"), "t1");
  EXPECT_EQ(time(moving, "Executing"), "t2");
  EXPECT_EQ(time(done, "Ready"), "t3");
  EXPECT_EQ(time(done, "Reconciling"), "t3");
  EXPECT_EQ(time(done, "Stalled"), "t1");
  EXPECT_EQ(std::ranges::find(moving, "Ready", &Condition::type)->reason, "Moving");
}

TEST(Conditions, ConvergedNamesTheFirstBlockerAndWhatToDo) {
  World world;
  world.findings = {
      {Severity::kWarning, "MaxmemoryUnset", "redis-1", "no maxmemory", "set one"},
      {Severity::kBlocker, "OpenSlots", "redis-2", "slot 93 is migrating", "run with goal Repair"}};
  const auto converged = told(status_in(State::kRefused), {}, &world).at("Converged");
  EXPECT_EQ(converged.status, kFalse);
  EXPECT_EQ(converged.reason, "OpenSlots");
  EXPECT_EQ(converged.message, "redis-2: slot 93 is migrating; run with goal Repair");

  world.findings.pop_back();
  EXPECT_EQ(told(status_in(State::kPlanning), {}, &world).at("Converged").status, kTrue);
  EXPECT_EQ(told(status_in(State::kPlanning)).at("Converged").status, kUnknown);
}

TEST(Conditions, ARefusalOfHeadroomSaysWhichWallAndHowMuch) {
  auto status = status_in(State::kRefused, "Ceiling");
  status.plan = Plan{};
  status.plan->refusal = Refusal{"Ceiling", "redis-1", kMiB, "redis-1 would reach 112Mi", {}};
  const auto conditions = told(status);
  EXPECT_EQ(conditions.at("HeadroomSufficient").status, kFalse);
  EXPECT_EQ(conditions.at("HeadroomSufficient").reason, "Ceiling");
  EXPECT_EQ(conditions.at("PlanReady").status, kFalse);
  EXPECT_EQ(conditions.at("PlanReady").message, "redis-1 would reach 112Mi");
}

TEST(Conditions, WaitingForMemoryInTheMiddleIsAWantOfHeadroom) {
  auto status = status_in(State::kRebalancing, "WaitingForMemory");
  status.plan = plan_of_one_batch();
  EXPECT_EQ(told(status).at("HeadroomSufficient").status, kFalse);
  status.reason = "Moving";
  EXPECT_EQ(told(status).at("HeadroomSufficient").status, kTrue);
}

TEST(Conditions, APlanIsApprovedByItsHashAndNoOther) {
  auto status = status_in(State::kAwaitingApproval, "ApprovalNeeded");
  status.plan = plan_of_one_batch();
  EXPECT_EQ(told(status).at("Approved").status, kFalse);
  EXPECT_THAT(told(status).at("PlanReady").message, HasSubstr("e3e0b82cf17907f4"));

  status.state = State::kRebalancing;
  status.approved_hash = "another";
  EXPECT_EQ(told(status).at("Approved").status, kFalse);
  status.approved_hash = status.plan->hash;
  EXPECT_EQ(told(status).at("Approved").status, kTrue);
  EXPECT_EQ(told(status).at("Executing").status, kTrue);
  status.state = State::kPlanStale;
  EXPECT_EQ(told(status).at("Approved").status, kFalse);
  EXPECT_EQ(told(status).at("PlanReady").status, kFalse);
}

TEST(Conditions, APlanAloneBalancesNothing) {
  auto status = status_in(State::kSucceeded, "PlanReady");
  status.plan = plan_of_one_batch();
  EXPECT_EQ(told(status).at("Ready").status, kTrue);
  EXPECT_EQ(told(status).at("Balanced").status, kFalse);
  status.reason = "Done";
  EXPECT_EQ(told(status).at("Balanced").status, kTrue);
  status.reason = "SlotsSkipped";
  EXPECT_EQ(told(status).at("Balanced").status, kFalse);
  status.state = State::kRolledBack;
  status.reason = "RolledBack";
  EXPECT_EQ(told(status).at("Balanced").status, kFalse);
}

// redis-0 owns all; redis-5 and redis-6 were drained.
struct Drained : testing::Test {
  Drained() {
    spec.goal.type = GoalType::kDrain;
    spec.goal.drain.pods = {"redis-5", "redis-6"};
    for (const char* pod : {"redis-0", "redis-5", "redis-6"}) {
      WorldNode node;
      node.pod = pod;
      node.id = node.pod + "-id";
      world.nodes.push_back(node);
    }
    world.nodes[0].slots = SlotSet::parse("0-16383").value();
  }
  Condition safe() const { return of(status_in(State::kSucceeded, "Done"), &world); }
  Condition of(const RebalanceStatus& status, const World* seen) const {
    return told(status, spec, seen).at("SafeToDecommission");
  }
  void make_replica(int node) {
    world.nodes.at(static_cast<std::size_t>(node)).role = Role::kReplica;
    world.nodes.at(static_cast<std::size_t>(node)).primary = "redis-0-id";
  }

  RebalanceSpec spec;
  World world;
};

TEST_F(Drained, IsSafeToRemoveOnlyAfterObserving) {
  EXPECT_EQ(of(status_in(State::kObserving), &world).status, kFalse);
  EXPECT_EQ(safe().status, kTrue);
  EXPECT_THAT(safe().message, HasSubstr("redis-5, redis-6"));
  EXPECT_EQ(of(status_in(State::kSucceeded, "PlanReady"), &world).status, kFalse);
  spec.goal.type = GoalType::kBalance;
  EXPECT_EQ(safe().status, kFalse);
}

TEST_F(Drained, IsStillNeededWhereItOwnsASlotOrHoldsAKeyAndTheOtherIsSafe) {
  world.nodes[1].keys = 3;
  EXPECT_EQ(safe().status, kFalse);
  EXPECT_EQ(safe().reason, "StillNeeded");
  EXPECT_EQ(
      safe().message,
      "redis-5 holds 3 keys, of slots that it does not own: a Repair brings them to their owners; safe to "
      "remove: redis-6");
  world.nodes[1].slots = SlotSet::parse("7").value();
  EXPECT_THAT(safe().message, HasSubstr("redis-5 owns 1 slots"));
}

TEST_F(Drained, IsStillNeededWhereItBecameAReplicaThatItsPrimaryCannotSpare) {
  make_replica(1);
  EXPECT_THAT(safe().message, HasSubstr("redis-5 is a replica of redis-0, which has 0 without it"));
  make_replica(2);
  EXPECT_EQ(safe().reason, "StillNeeded") << "neither can be spared for the other";
  spec.goal.drain.pods = {"redis-6"};
  EXPECT_EQ(safe().status, kTrue);
  spec.goal.drain.pods = {"redis-5", "redis-6"};
  spec.safety.replicas = Requirement::kPrefer;
  EXPECT_EQ(safe().status, kTrue);
}

TEST_F(Drained, StaysWhatItWasForAProcessThatHasNotLooked) {
  const auto status = status_in(State::kSucceeded, "Done");
  EXPECT_EQ(of(status, nullptr).status, kUnknown);
  const auto before = conditions_of(status, {spec, 7, &world, "2026-01-01T00:00:00Z"}, {});
  const auto after = conditions_of(status, {spec, 7, nullptr, "2026-01-02T00:00:00Z"}, before);
  EXPECT_EQ(after.back().status, kTrue);
  EXPECT_EQ(after.back().message, before.back().message);
}

TEST(State, EveryNameIsReadBack) {
  for (const auto state : kAllStates) EXPECT_EQ(state_of_name(state_name(state)), state);
  EXPECT_FALSE(state_of_name("Unknown"));
}

}  // namespace
}  // namespace rebalance
