#include "api/status.h"

#include <algorithm>

namespace rebalance {

const char* state_name(State state) {
  switch (state) {
    case State::kPlanning: return "Planning";
    case State::kAwaitingApproval: return "AwaitingApproval";
    case State::kWaiting: return "Waiting";
    case State::kPaused: return "Paused";
    case State::kCanary: return "Canary";
    case State::kRebalancing: return "Rebalancing";
    case State::kVerifying: return "Verifying";
    case State::kObserving: return "Observing";
    case State::kRollingBack: return "RollingBack";
    case State::kRolledBack: return "RolledBack";
    case State::kSucceeded: return "Succeeded";
    case State::kRefused: return "Refused";
    case State::kPlanStale: return "PlanStale";
    case State::kFailed: return "Failed";
    case State::kCancelled: return "Cancelled";
  }
  return "Unknown";
}

std::optional<State> state_of_name(std::string_view name) {
  const auto found = std::ranges::find(kAllStates, name, state_name);
  return found == std::end(kAllStates) ? std::nullopt : std::optional(*found);
}

}  // namespace rebalance
