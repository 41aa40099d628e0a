#include "reconcile/decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/conditions.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

constexpr std::size_t kFailuresKept = 10;
// A bad prediction halves the batches that follow, so often at the most.
constexpr int kMostHalvings = 4;

// Of less than this nothing is learned: buffers of clients come and go by as much.
constexpr Bytes kTelling = kMiB;

// The estimate was too low: correct the target's factor and cut what follows.
void learn(Step& step, const BatchEnd& end) {
  if (end.batch.bytes < kTelling || !end.measured || end.error) return;
  const double ratio = static_cast<double>(end.grown) / static_cast<double>(end.batch.bytes);
  auto& factors = step.notebook().factors[end.batch.target];
  factors.growth = std::clamp(std::max(ratio, 1.0), factors.growth, 4.0);
  if (ratio > kPredictionMargin) step.notebook().shrink = std::min(step.notebook().shrink + 1, kMostHalvings);
}

// What had no room beside other batches is tried once more by itself.
void leave_out(Step& step, const BatchEnd& end) {
  auto& notebook = step.notebook();
  const auto room = notebook.key_rooms.find(end.batch.index);
  const bool shared = room != notebook.key_rooms.end() && !room->second.all;
  if (shared) notebook.deferred.insert(end.no_room.begin(), end.no_room.end());
  for (const auto& [slot, why] : end.skipped) {
    if (!shared || !end.no_room.contains(slot)) notebook.skipped.emplace(slot, why);
  }
  notebook.key_rooms.erase(end.batch.index);
}

void take_in(Step& step) {
  for (const auto& end : step.scene.ended) {
    step.notebook().last_end = step.scene.now;
    leave_out(step, end);
    learn(step, end);
    note_canary(step, end);
    if (!end.error || end.error->code == ErrorCode::kStopped) continue;
    step.notebook().failed[{end.batch.source, end.batch.target}]++;
    count_failure(step, end.error->message);
  }
  if (step.scene.repair_error) count_failure(step, step.scene.repair_error->message);
}

Decision stop(Step step) {
  if (!step.scene.running.empty())
    return step.act(StopBatches{"stop was asked"}, "Stopping", "stopping at the next safe point");
  return step.stay("Stopped", "stopped on request; run again to continue");
}

// Whoever has the cluster now goes on from what the servers say; so may we, as anybody else, with a new
// claim.
Decision give_up_claim(Step step) {
  const std::string& why = step.scene.claim_lost;
  if (!step.scene.running.empty()) return step.act(StopBatches{why}, "LosingClaim", why);
  return step.stay("ClaimLost", why + "; run again to continue");
}

// Paused or cancelled; a rollback that is under way is also held by PlanOnly, which never executes.
bool held_back(const Step& step) {
  const auto execution = step.spec.execution;
  return execution == Execution::kPaused || execution == Execution::kCancelled ||
         (execution == Execution::kPlanOnly && step.decision.status.roll_back);
}

Decision by_state(Step step) {
  // PlanOnly in the middle of a move: nothing more of it starts, and what is left is planned and shown.
  const bool only_plan = step.spec.execution == Execution::kPlanOnly && is_moving(step.status().state);
  if (!step.scene.running.empty() && (only_plan || !is_moving(step.status().state))) {
    const std::string why = only_plan ? "spec.execution is PlanOnly" : "nothing is to move now";
    return step.act(StopBatches{why}, "Stopping", why + ": stopping at the next safe point");
  }
  if (only_plan) step.status().state = State::kPlanning;
  switch (step.status().state) {
    case State::kPlanning:
    case State::kAwaitingApproval:
    case State::kPaused:
    case State::kWaiting: return prepare(std::move(step));
    case State::kCanary:
    case State::kRebalancing: return move(std::move(step));
    case State::kVerifying: return verify(std::move(step));
    case State::kObserving: return observe(std::move(step));
    default: return std::move(step.decision);
  }
}

// Something has moved, so that a failure can be taken back.
bool in_the_middle(State state) {
  return is_moving(state) || state == State::kVerifying || state == State::kObserving;
}

// onFailure: RollBack.
bool calls_for_rollback(const Decision& decision, State before, const Step& step) {
  return step.spec.on_failure == OnFailure::kRollBack && decision.status.state == State::kFailed &&
         in_the_middle(before) && step.scene.initial;
}

}  // namespace

bool is_final(State state) {
  return state == State::kSucceeded || state == State::kRefused || state == State::kPlanStale ||
         state == State::kFailed || state == State::kCancelled || state == State::kRolledBack;
}

bool rests(State state) {
  return is_final(state) || state == State::kAwaitingApproval || state == State::kPaused;
}

SlotSet remaining(const Batch& batch, const World& world) {
  const WorldNode* source = world.find(batch.source);
  return source == nullptr ? SlotSet{} : intersection(batch.slots, source->slots);
}

bool count_failure(Step& step, const std::string& what) {
  constexpr int kFirstPauseSeconds = 1;
  constexpr int kLongestPauseSeconds = 60;
  auto& status = step.status();
  status.failure_count++;
  status.failures.push_back({what, status.failure_count, step.scene.wall_time});
  if (status.failures.size() > kFailuresKept) status.failures.erase(status.failures.begin());
  const int pause =
      std::min(kFirstPauseSeconds << std::min(status.failure_count - 1, 6), kLongestPauseSeconds);
  step.notebook().next_try = step.scene.now + std::chrono::seconds(pause);
  return status.failure_count >= step.spec.safety.max_failures;
}

Decision decide(const RedisRebalance& resource, const RebalanceStatus& status, const Notebook& notebook,
                const Scene& scene) {
  Step step{resource, resource.spec, scene, Decision{status, notebook, {}, Millis(1000)}};
  if (is_final(status.state)) return step.decision;
  take_in(step);
  if (scene.claim_held && !scene.claim_lost.empty()) return give_up_claim(std::move(step));
  if (scene.stop_asked) return stop(std::move(step));
  if (scene.close_asked) return close_only(std::move(step));
  if (held_back(step)) return hold_back(std::move(step));
  if (status.roll_back) return roll_back(std::move(step));
  if (resource.spec.execution == Execution::kRollBack) return begin_rollback(std::move(step), RollBack{});
  Decision next = by_state(step);
  if (!calls_for_rollback(next, status.state, step)) return next;
  const std::string why = next.status.message;
  step.decision = std::move(next);
  return begin_rollback(std::move(step), RollBack{false, why});
}

}  // namespace rebalance
