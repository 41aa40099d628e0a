#include "api/status.h"

namespace rebalance {

const char* state_name(State state) {
  switch (state) {
    case State::kPlanning: return "Planning";
    case State::kAwaitingApproval: return "AwaitingApproval";
    case State::kWaiting: return "Waiting";
    case State::kRebalancing: return "Rebalancing";
    case State::kVerifying: return "Verifying";
    case State::kObserving: return "Observing";
    case State::kSucceeded: return "Succeeded";
    case State::kRefused: return "Refused";
    case State::kPlanStale: return "PlanStale";
    case State::kFailed: return "Failed";
  }
  return "Unknown";
}

}  // namespace rebalance
