// Verifying and Observing: is the cluster what the plan promised, and does it stay so?
#include <fmt/format.h>

#include <algorithm>

#include "reconcile/baseline.h"
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
  if (const auto& worse = step.status().regression)
    return step.enter(State::kSucceeded, "WorseThanBefore",
                      worse->sentence + "; all slots have moved, but it was not calm by the end");
  return step.enter(State::kSucceeded, "Done", "the cluster is as planned and all nodes agree");
}

Decision not_yet(Step step, const Finding& blocker) {
  auto& since = step.notebook().waiting_since;
  if (!since) since = step.scene.now;
  if (step.scene.now - *since < kAgreement) return step.stay("Converging", fact_of(blocker), Millis(250));
  return step.enter(State::kFailed, "NotConverged", "30 s after the last move: " + sentence_of(blocker));
}

// A minute between two looks, less in a short watch; probes of the last five seconds count.
Millis between_looks(int observe_seconds) {
  return std::chrono::seconds(std::clamp(observe_seconds / 10, 5, 60));
}

// Compares with before the move when it is due, and once more at the end.
void compare(Step& step, bool ends) {
  auto& last = step.notebook().last_look;
  const int watch = step.spec.observe_seconds;
  if (!last || watch == 0 || (!ends && step.scene.now - last->when < between_looks(watch))) return;
  auto worse = what_clients_feel(step, *last);
  if (!worse) worse = what_servers_say(step, *last);
  step.status().regression = std::move(worse);
  last = figures_now(step.scene);
}

}  // namespace

Decision verify(Step step) {
  if (const Finding* blocker = first_blocker(step.scene.world.findings))
    return not_yet(std::move(step), *blocker);
  step.notebook().waiting_since.reset();
  if (auto clearing = clear_replica_marks(step)) return *std::move(clearing);
  if (!step.scene.observe_asked) return finish(std::move(step));
  step.notebook().observing_since = step.scene.now;
  step.notebook().last_look = figures_now(step.scene);
  return step.enter(State::kObserving, "Observing",
                    fmt::format("watching for {} s", step.spec.observe_seconds));
}

Decision observe(Step step) {
  if (const Finding* blocker = first_blocker(step.scene.world.findings))
    return not_yet(std::move(step), *blocker);
  step.notebook().waiting_since.reset();
  const std::chrono::seconds watch(step.spec.observe_seconds);
  const auto watched = step.scene.now - step.notebook().observing_since.value_or(step.scene.now);
  compare(step, watched >= watch && !step.status().regression);
  const auto& worse = step.status().regression;
  // What is worse by then may pass, but nobody is kept waiting for ever.
  if (watched >= (worse ? 2 * watch : watch)) return finish(std::move(step));
  if (!step.scene.raised.empty()) step.decision.actions.emplace_back(PutBackLimits{});
  if (worse) return step.stay("WorseThanBefore", worse->sentence);
  return step.stay("Observing", fmt::format("watching for {} s", step.spec.observe_seconds));
}

}  // namespace rebalance
