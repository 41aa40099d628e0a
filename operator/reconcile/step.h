// What the states of decide() share: the decision in the making, and small ways to end it. Private to
// reconcile/.
#pragma once

#include <string>

#include "reconcile/decide.h"

namespace rebalance {

// A batch that grew its target more than this above the estimate was predicted badly (docs/concepts.md).
inline constexpr double kPredictionMargin = 1.25;

struct Step {
  const RedisRebalance& resource;
  const RebalanceSpec& spec;
  const Scene& scene;
  Decision decision;

  RebalanceStatus& status() { return decision.status; }
  Notebook& notebook() { return decision.notebook; }

  Decision enter(State state, std::string reason, std::string message) {
    decision.status.state = state;
    decision.status.reason = std::move(reason);
    decision.status.message = std::move(message);
    return std::move(decision);
  }
  // The same state again; asked for once more after `requeue`.
  Decision stay(std::string reason, std::string message, Millis requeue = Millis(1000)) {
    decision.requeue = requeue;
    return enter(decision.status.state, std::move(reason), std::move(message));
  }
  Decision act(Action action, std::string reason, std::string message) {
    const bool takes_time = std::holds_alternative<StopBatches>(action);
    decision.actions.emplace_back(std::move(action));
    return stay(std::move(reason), std::move(message), Millis(takes_time ? 200 : 0));
  }
};

// Planning, AwaitingApproval, Waiting: everything before the first write.
Decision prepare(Step step);
// Instead of all of them while spec.execution is Paused, or once it is Cancelled: stops at the next safe
// point, closes what is open, and says so.
Decision hold_back(Step step);
// Instead of all of them: closes what this resource left open, and ends with reason Stopped.
Decision close_only(Step step);
// Canary, Rebalancing, and the moves of RollingBack.
Decision move(Step step);
// RollingBack, whatever the state was when it began. `step.status().roll_back` is set.
Decision begin_rollback(Step step, RollBack why);
Decision roll_back(Step step);
// All batches of its plan are moved: is every slot where it was?
Decision conclude_rollback(Step step);
// Slower while our own probes take longer than safety.maxLatencyMillis or a server saves; faster when it is
// calm again.
void adapt_speed(Step& step);
// Far above it for long all stops, until it is calm.
std::optional<Decision> hold_for_latency(Step& step);
// Whether the first slots of this plan are to be watched, and have not been yet.
bool wants_canary(const Step& step, const Plan& plan);
// How many slots may be started now: what the canary leaves, or all.
int may_still_start(const Step& step, const Plan& plan);
void note_canary(Step& step, const BatchEnd& end);
// Before the first slot moves: what there is to compare with, for a canary and for observing.
std::optional<Decision> take_baseline(Step& step);
// The slots of the canary have moved: on to Rebalancing after observeSeconds, or Failed.
Decision watch_canary(Step step);
// Verifying and Observing.
Decision verify(Step step);
Decision observe(Step step);

// Each gives the decision that must come first, or nothing: the claim of the cluster; closing what the
// journal knows as this resource's own; the end of whoever else is at work.
std::optional<Decision> claim(Step& step);
std::optional<Decision> repair_own(Step& step);
std::optional<Decision> clear_replica_marks(Step& step);
std::optional<Decision> wait_for_other(Step& step);

// Outside spec.windows: what runs stops at its next safe point, then it waits for the next opening.
std::optional<Decision> keep_to_windows(Step& step);

// The plan's limits are raised in place, and it waits until all of them are real.
std::optional<Decision> raise_limits(Step& step, const Plan& plan);
// Memory is short in the middle of a move: more of it for the batches that are left. Nothing: that is no way,
// and `refusal` says why.
std::optional<Decision> raise_further(Step& step, Refusal& refusal);
// The world to plan in: with the limits that there were before any was raised.
World world_to_plan_in(const Step& step);

// headroom.onShortage is Wait, and what is refused is a matter of bytes: memory that is freed, a limit that
// is raised or a node that is added makes room for it.
bool waits_for_room(const Step& step, const Refusal& refusal);
// How many bytes are short, where, and what would be enough.
std::string in_figures(const Refusal& refusal);
// Between two looks for room: each measures the slots anew.
inline constexpr Millis kLookForRoom{15'000};

// Remembers a failure and when it may be tried again; true when the budget (safety.maxFailures) is spent.
bool count_failure(Step& step, const std::string& what);

}  // namespace rebalance
