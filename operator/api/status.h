// What the operator says of a RedisRebalance: the status, and the record that must outlive a process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quantity.h"
#include "model/cold_keys.h"
#include "model/plan.h"

namespace rebalance {

// For people; conditions are what programs read (api/conditions.h has the table between the two).
enum class State {
  kPlanning,
  kAwaitingApproval,
  kWaiting,
  kPaused,
  kCanary,
  kRebalancing,
  kVerifying,
  kObserving,
  kRollingBack,
  kSucceeded,
  kRolledBack,
  kRefused,
  kPlanStale,
  kFailed,
  kCancelled,
};
inline constexpr State kAllStates[] = {
    State::kPlanning,    State::kAwaitingApproval, State::kWaiting,   State::kPaused,      State::kCanary,
    State::kRebalancing, State::kVerifying,        State::kObserving, State::kRollingBack, State::kSucceeded,
    State::kRolledBack,  State::kRefused,          State::kPlanStale, State::kFailed,      State::kCancelled};
const char* state_name(State state);  // "Planning", "AwaitingApproval", ...
std::optional<State> state_of_name(std::string_view name);

// A failure that was met, in the server's words.
struct FailureRecord {
  std::string what;
  int attempt = 0;   // the how manieth of this resource, from 1
  std::string when;  // RFC 3339
};

// metav1.Condition.
enum class ConditionStatus { kTrue, kFalse, kUnknown };
struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason;   // CamelCase, from the documented list
  std::string message;  // a sentence that a person can act on
  std::int64_t observed_generation = 0;
  std::string last_transition;  // RFC 3339
  bool operator==(const Condition&) const = default;
};

// Why it goes back to the layout of the start; once begun it is not turned round again.
struct RollBack {
  bool asked = true;  // by spec.execution; else onFailure
  std::string why;    // what failed, as a sentence; empty where it was asked
  bool operator==(const RollBack&) const = default;
};

// What is worse than it was before the first slot moved.
struct Regression {
  std::string reason;    // CamelCase, from the documented list
  std::string sentence;  // what it was, what it is, and where
  bool operator==(const Regression&) const = default;
};

struct RebalanceStatus {
  State state = State::kPlanning;
  std::string reason;   // CamelCase, from the documented list
  std::string message;  // a sentence that a person can act on
  std::optional<Plan> plan;
  std::string approved_hash;            // what may be executed; empty: nothing
  std::vector<FailureRecord> failures;  // the last ones, oldest first
  int failure_count = 0;
  std::string execution_started;         // RFC 3339, when the first slot was about to move; empty: not yet
  std::optional<RollBack> roll_back;     // it has begun
  std::optional<ColdCount> cold_keys;    // of the slots that were about to move
  int speed_percent = 100;               // of the time that engines may use
  std::string speed_reason;              // why it is less; empty: it is not
  std::optional<Regression> regression;  // by the last look while it was observed
};

}  // namespace rebalance
