// What the states of a RedisRebalance mean to programs and let people do: one table from state to the
// conditions that kstatus (Flux) and `kubectl wait` read, to Argo CD's health and to the controls. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/spec.h"
#include "api/status.h"
#include "model/world.h"

namespace rebalance {

// What kstatus makes of an object.
enum class Outlook { kInProgress, kCurrent, kFailed };
Outlook outlook_of(State state);

const char* argo_health_of(State state);  // Progressing, Suspended, Healthy or Degraded

// What a person asks for in the spec. Whether that changes anything also depends on what the spec says
// already, and for a rollback on whether a slot has moved.
enum class Control { kApprove, kPause, kResume, kCancel, kRollBack };
bool allows(State state, Control control);

// Slots may change hands in this state.
bool is_moving(State state);

// What the conditions rest on beside the status.
struct Evidence {
  const RebalanceSpec& spec;
  std::int64_t generation = 1;
  const World* world = nullptr;  // of the last look; nullptr: not looked yet
  std::string now;               // RFC 3339
};

// All conditions of the documented list, in its order: Ready, Reconciling, Stalled, Converged,
// HeadroomSufficient, PlanReady, Approved, Executing, Balanced, SafeToDecommission. Each observes
// `evidence.generation`; lastTransitionTime is the one in `before`, unless the status of that type changed.
std::vector<Condition> conditions_of(const RebalanceStatus& status, const Evidence& evidence,
                                     const std::vector<Condition>& before);

}  // namespace rebalance
