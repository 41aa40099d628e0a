// Verifying and Observing: is the cluster what the plan promised, and does it stay so?
#include <fmt/format.h>

#include "reconcile/preflight.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// All nodes must agree within this; gossip needs about a second or two on stock timings.
constexpr auto kAgreement = std::chrono::seconds(30);

std::string skipped_text(const std::map<Slot, std::string>& skipped) {
  return fmt::format("{} slots stayed where they were; the first, {}: {}", skipped.size(),
                     skipped.begin()->first, skipped.begin()->second);
}

Decision finish(Step step) {
  const auto& skipped = step.notebook().skipped;
  const bool drained = step.spec.goal.type != GoalType::kDrain || skipped.empty();
  if (!drained) return step.enter(State::kFailed, "SlotsSkipped", skipped_text(skipped));
  if (!skipped.empty()) return step.enter(State::kSucceeded, "SlotsSkipped", skipped_text(skipped));
  return step.enter(State::kSucceeded, "Done", "the cluster is as planned and all nodes agree");
}

Decision not_yet(Step step, const Finding& blocker) {
  auto& since = step.notebook().waiting_since;
  if (!since) since = step.scene.now;
  if (step.scene.now - *since < kAgreement) return step.stay("Converging", fact_of(blocker), Millis(250));
  return step.enter(State::kFailed, "NotConverged", "30 s after the last move: " + sentence_of(blocker));
}

}  // namespace

Decision verify(Step step) {
  if (const Finding* blocker = first_blocker(step.scene.world.findings))
    return not_yet(std::move(step), *blocker);
  step.notebook().waiting_since.reset();
  if (auto clearing = clear_replica_marks(step)) return *std::move(clearing);
  if (!step.scene.observe_asked) return finish(std::move(step));
  step.notebook().observing_since = step.scene.now;
  return step.enter(State::kObserving, "Observing",
                    fmt::format("watching for {} s", step.spec.observe_seconds));
}

Decision observe(Step step) {
  if (const Finding* blocker = first_blocker(step.scene.world.findings))
    return not_yet(std::move(step), *blocker);
  step.notebook().waiting_since.reset();
  const auto since = step.notebook().observing_since.value_or(step.scene.now);
  if (step.scene.now - since >= std::chrono::seconds(step.spec.observe_seconds))
    return finish(std::move(step));
  if (!step.scene.raised.empty()) step.decision.actions.emplace_back(PutBackLimits{});
  return step.stay("Observing", fmt::format("watching for {} s", step.spec.observe_seconds));
}

}  // namespace rebalance
