// Canary: the first slots of a plan move, then they are watched before the rest goes.
#include <fmt/format.h>

#include <algorithm>

#include "reconcile/baseline.h"
#include "reconcile/preflight.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// By who owns them now, so that a restart in the middle counts on.
int arrived(const Plan& plan, const World& world) {
  int slots = 0;
  for (const auto& batch : plan.batches) {
    const WorldNode* target = world.find(batch.target);
    if (target != nullptr) slots += intersection(batch.slots, target->slots).size();
  }
  return slots;
}

std::optional<std::string> what_got_worse(const Step& step) {
  const auto& notes = step.decision.notebook.canary;
  const auto allowed = static_cast<Bytes>(kPredictionMargin * static_cast<double>(notes.expected)) +
                       noise(*step.decision.status.plan, step.scene.world);
  if (notes.grown > allowed) {
    return fmt::format("the targets grew by {}, where {} was expected", human_bytes(notes.grown),
                       human_bytes(notes.expected));
  }
  const auto& baseline = step.decision.notebook.baseline;
  if (baseline) {
    if (const auto felt = what_clients_feel(step, *baseline)) return felt->sentence;
    if (const auto said = what_servers_say(step, *baseline)) return said->sentence;
  }
  const auto findings = preflight(*step.decision.status.plan, step.scene.world, step.spec);
  const Finding* blocker = first_blocker(findings);
  return blocker == nullptr ? std::nullopt : std::optional(sentence_of(*blocker));
}

}  // namespace

bool wants_canary(const Step& step, const Plan& plan) {
  const int slots = step.spec.canary.slots;
  return slots > 0 && plan.slots > slots && !step.decision.notebook.canary.passed;
}

int may_still_start(const Step& step, const Plan& plan) {
  if (step.decision.status.state != State::kCanary) return kSlotCount;
  int slots = step.spec.canary.slots - arrived(plan, step.scene.world);
  for (const auto& batch : step.scene.running) slots -= batch.slots.size();
  return slots;
}

void note_canary(Step& step, const BatchEnd& end) {
  if (step.status().state != State::kCanary || !end.measured || end.error) return;
  step.notebook().canary.expected += end.batch.bytes;
  step.notebook().canary.grown += end.grown;
}

Decision watch_canary(Step step) {
  auto& notes = step.notebook().canary;
  if (!notes.watched_since) notes.watched_since = step.scene.now;
  const int slots = arrived(*step.status().plan, step.scene.world);
  if (const auto worse = what_got_worse(step)) {
    return step.enter(State::kFailed, "CanaryFailed",
                      fmt::format("after the first {} slots {}; the others stay where they are, and "
                                  "spec.execution RollBack takes these back",
                                  slots, *worse));
  }
  const std::chrono::seconds watch(step.spec.canary.observe_seconds);
  if (step.scene.now - *notes.watched_since < watch)
    return step.stay("WatchingCanary", fmt::format("the first {} slots have moved: watching for {} s before "
                                                   "the rest goes",
                                                   slots, watch.count()));
  notes.passed = true;
  step.decision.requeue = Millis(0);
  return step.enter(State::kRebalancing, "Moving", "all is well after the first slots: moving the rest");
}

}  // namespace rebalance
