// What the states of decide() share: the decision in the making, and small ways to end it. Private to
// reconcile/.
#pragma once

#include <string>

#include "reconcile/decide.h"

namespace rebalance {

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
// Rebalancing.
Decision move(Step step);
// Verifying and Observing.
Decision verify(Step step);
Decision observe(Step step);

// Remembers a failure and when it may be tried again; true when the budget (safety.maxFailures) is spent.
bool count_failure(Step& step, const std::string& what);

}  // namespace rebalance
