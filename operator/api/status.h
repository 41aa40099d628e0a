// What the operator says of a RedisRebalance: the status, and the record that must outlive a process.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "model/plan.h"

namespace rebalance {

// For people; conditions are what programs read.
enum class State {
  kPlanning,
  kAwaitingApproval,
  kWaiting,
  kRebalancing,
  kVerifying,
  kObserving,
  kSucceeded,
  kRefused,
  kPlanStale,
  kFailed,
};
const char* state_name(State state);  // "Planning", "AwaitingApproval", ...

// A failure that was met: the server's words, which attempt, when it is tried again.
struct FailureRecord {
  std::string what;
  int attempt = 0;
  std::string when;  // RFC 3339
};

struct RebalanceStatus {
  State state = State::kPlanning;
  std::string reason;   // CamelCase, from the documented list
  std::string message;  // a sentence that a person can act on
  std::optional<Plan> plan;
  std::string approved_hash;            // what may be executed; empty: nothing
  SlotSet moved;                        // slots that this object moved
  std::vector<FailureRecord> failures;  // the last ones, oldest first
  int failure_count = 0;
  std::map<PodName, Bytes> peak;    // highest base seen while something ran
  std::map<PodName, int> restarts;  // restart counts when execution began
};

}  // namespace rebalance
