#include "api/conditions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "api/decommission.h"

namespace rebalance {
namespace {

constexpr unsigned bit(Control control) { return 1U << static_cast<unsigned>(control); }
constexpr unsigned kBack = bit(Control::kRollBack);
constexpr unsigned kHold = bit(Control::kPause) | bit(Control::kResume) | bit(Control::kCancel);

struct Row {
  State state = State::kPlanning;
  Outlook outlook = Outlook::kInProgress;
  const char* argo_health = "";
  unsigned controls = 0;
  bool moving = false;  // slots may change hands
};

// The table. Flux and Argo CD see a person's approval and a pause as work in progress, not as a failure.
constexpr Row kTable[] = {
    {State::kPlanning, Outlook::kInProgress, "Progressing", kHold | kBack},
    {State::kAwaitingApproval, Outlook::kInProgress, "Suspended", bit(Control::kApprove) | kHold | kBack},
    {State::kWaiting, Outlook::kInProgress, "Suspended", kHold | kBack},
    {State::kPaused, Outlook::kInProgress, "Suspended", kHold | kBack},
    {State::kCanary, Outlook::kInProgress, "Progressing", kHold | kBack, true},
    {State::kRebalancing, Outlook::kInProgress, "Progressing", kHold | kBack, true},
    {State::kVerifying, Outlook::kInProgress, "Progressing", kHold | kBack},
    {State::kObserving, Outlook::kCurrent, "Healthy", kHold | kBack},
    {State::kRollingBack, Outlook::kInProgress, "Progressing", kHold, true},
    {State::kSucceeded, Outlook::kCurrent, "Healthy", kBack},
    {State::kRolledBack, Outlook::kCurrent, "Healthy", 0},
    {State::kRefused, Outlook::kFailed, "Degraded", kBack},
    {State::kPlanStale, Outlook::kFailed, "Degraded", kBack},
    {State::kFailed, Outlook::kFailed, "Degraded", kBack},
    {State::kCancelled, Outlook::kFailed, "Degraded", 0},
};
static_assert(std::size(kTable) == std::size(kAllStates));

const Row& row_of(State state) { return *std::ranges::find(kTable, state, &Row::state); }

// Reasons that name a wall of memory (plan/headroom.h), or the wait for one to give way.
constexpr std::array kMemoryReasons{"NoLimit", "HighWatermark",    "Ceiling",  "Maxmemory",   "Eviction",
                                    "Flood",   "WaitingForMemory", "Resizing", "CannotResize"};

// Status, reason and message of one condition.
struct Said {
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason, message;
};
Said yes(std::string reason, std::string message) {
  return {ConditionStatus::kTrue, std::move(reason), std::move(message)};
}
Said no(std::string reason, std::string message) {
  return {ConditionStatus::kFalse, std::move(reason), std::move(message)};
}
Said unknown(std::string reason, std::string message) {
  return {ConditionStatus::kUnknown, std::move(reason), std::move(message)};
}

Said of_state(const RebalanceStatus& status, bool holds) {
  return {holds ? ConditionStatus::kTrue : ConditionStatus::kFalse,
          status.reason.empty() ? state_name(status.state) : status.reason, status.message};
}

Said not_looked() { return unknown("NotLooked", "the cluster was not looked at yet"); }

Said converged(const Evidence& evidence) {
  if (evidence.world == nullptr) return not_looked();
  const Finding* blocker = first_blocker(evidence.world->findings);
  if (blocker == nullptr) return yes("Converged", "all nodes agree, and nothing stands in the way");
  return no(blocker->name, sentence_of(*blocker));
}

Said headroom(const RebalanceStatus& status) {
  if (std::ranges::count(kMemoryReasons, status.reason) > 0) return of_state(status, false);
  if (!status.plan) return unknown("NoPlan", "there is no plan yet");
  if (status.plan->refusal) return no(status.plan->refusal->rule, status.plan->refusal->sentence);
  return yes("Fits", "every batch of the plan leaves every pod under its walls");
}

Said plan_ready(const RebalanceStatus& status) {
  if (status.state == State::kPlanStale) return of_state(status, false);
  if (!status.plan) {
    return status.state == State::kRefused ? of_state(status, false)
                                           : unknown("NoPlan", "there is no plan yet");
  }
  const auto& plan = *status.plan;
  if (plan.refusal) return no(plan.refusal->rule, plan.refusal->sentence);
  if (plan.batches.empty()) return yes("NothingToDo", "the cluster is as the goal asks");
  return yes("PlanReady", fmt::format("plan {} moves {} slots and {} in {} batches", plan.hash, plan.slots,
                                      human_bytes(plan.bytes), plan.batches.size()));
}

Said approved(const RebalanceStatus& status) {
  if (status.state == State::kPlanStale || status.state == State::kAwaitingApproval)
    return of_state(status, false);
  if (!status.plan || status.plan->batches.empty())
    return unknown("NothingToApprove", "there is no plan that moves anything");
  if (status.approved_hash == status.plan->hash)
    return yes("Approved", fmt::format("plan {} may be executed", status.plan->hash));
  return no("NotApproved", fmt::format("plan {} is not approved", status.plan->hash));
}

Said balanced(const RebalanceStatus& status) {
  const bool done = status.state == State::kObserving || status.state == State::kSucceeded;
  const bool only_planned = status.plan && !status.plan->batches.empty() && status.reason == "PlanReady";
  return of_state(status, done && !only_planned && status.reason != "SlotsSkipped");
}

// What an earlier process saw at the end.
Said told_before(const std::vector<Condition>& before) {
  const auto old = std::ranges::find(before, "SafeToDecommission", &Condition::type);
  if (old == before.end()) return not_looked();
  return {old->status, old->reason, old->message};
}

// A regression is told whatever the goal: whoever thinks of taking a node away should know of it.
Said safe_to_decommission(const RebalanceStatus& status, const Evidence& evidence,
                          const std::vector<Condition>& before) {
  if (status.regression) return no(status.regression->reason, status.regression->sentence);
  if (status.reason == "WorseThanBefore") return no(status.reason, status.message);  // by an earlier process
  if (evidence.spec.goal.type != GoalType::kDrain)
    return no("NotADrain", "the goal is not Drain: no pod is to be removed");
  const bool drained = status.state == State::kSucceeded && status.reason != "PlanReady";
  if (!drained) return no("NotDrained", "wait for the state Succeeded before a pod is removed");
  if (evidence.world == nullptr) return told_before(before);
  const auto pods = judge_drained(evidence.spec, *evidence.world);
  const auto safe = fmt::format("{}", fmt::join(pods.safe, ", "));
  if (pods.needed.empty())
    return yes("Drained", "no slot, no key and no replica that is needed is left on " + safe);
  return no(kStillNeeded, fmt::format("{}{}{}", fmt::join(pods.needed, "; "),
                                      safe.empty() ? "" : "; safe to remove: ", safe));
}

void add(std::vector<Condition>& all, const char* type, Said said, const Evidence& evidence,
         const std::vector<Condition>& before) {
  Condition condition{
      type, said.status, std::move(said.reason), std::move(said.message), evidence.generation, evidence.now};
  const auto old = std::ranges::find(before, condition.type, &Condition::type);
  if (old != before.end() && old->status == condition.status)
    condition.last_transition = old->last_transition;
  all.push_back(std::move(condition));
}

}  // namespace

Outlook outlook_of(State state) { return row_of(state).outlook; }
const char* argo_health_of(State state) { return row_of(state).argo_health; }

bool allows(State state, Control control) { return (row_of(state).controls & bit(control)) != 0; }

bool is_moving(State state) { return row_of(state).moving; }

std::vector<Condition> conditions_of(const RebalanceStatus& status, const Evidence& evidence,
                                     const std::vector<Condition>& before) {
  const auto outlook = outlook_of(status.state);
  std::vector<Condition> all;
  const auto tell = [&](const char* type, Said said) { add(all, type, std::move(said), evidence, before); };
  tell("Ready", of_state(status, outlook == Outlook::kCurrent));
  tell("Reconciling", of_state(status, outlook == Outlook::kInProgress));
  tell("Stalled", of_state(status, outlook == Outlook::kFailed));
  tell("Converged", converged(evidence));
  tell("HeadroomSufficient", headroom(status));
  tell("PlanReady", plan_ready(status));
  tell("Approved", approved(status));
  tell("Executing", of_state(status, is_moving(status.state)));
  tell("Balanced", balanced(status));
  tell("SafeToDecommission", safe_to_decommission(status, evidence, before));
  return all;
}

}  // namespace rebalance
