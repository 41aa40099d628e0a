// Canary: the first slots of a plan move, then they are watched before the rest goes.
#include <fmt/format.h>

#include <algorithm>

#include "reconcile/preflight.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// What a target may grow beside what was moved to it: buffers of clients come and go, and clients write on.
Bytes noise(const Plan& plan, const World& world) {
  constexpr Bytes kLeast = 4 * kMiB, kShareOfLimit = 100;
  Bytes limit = 0;
  for (const auto& batch : plan.batches) {
    if (const WorldNode* target = world.find(batch.target)) limit = std::max(limit, target->limit);
  }
  return std::max(kLeast, limit / kShareOfLimit);
}

// By who owns them now, so that a restart in the middle counts on.
int arrived(const Plan& plan, const World& world) {
  int slots = 0;
  for (const auto& batch : plan.batches) {
    const WorldNode* target = world.find(batch.target);
    if (target != nullptr) slots += intersection(batch.slots, target->slots).size();
  }
  return slots;
}

// Latencies below this share of what is allowed differ from moment to moment.
constexpr double kNoiseOfLatency = 0.5;

std::optional<std::string> what_clients_feel(const Step& step, const ProbeReading& before,
                                             const ProbeReading& now) {
  const auto& canary = step.spec.canary;
  const auto failed = now.failed - before.failed, sent = now.sent - before.sent;
  if (failed * 100 > canary.max_error_percent * sent) {
    return fmt::format("{} did not answer {} of {} probes (canary.maxErrorPercent is {})", now.pod, failed,
                       sent, canary.max_error_percent);
  }
  const double most = std::max(before.p99_millis * (100 + canary.max_latency_increase_percent) / 100,
                               kNoiseOfLatency * step.spec.safety.max_latency_millis);
  if (now.p99_millis <= most) return std::nullopt;
  return fmt::format(
      "{} answers probes in {:.1f} ms (p99), where it was {:.1f} before "
      "(canary.maxLatencyIncreasePercent is {})",
      now.pod, now.p99_millis, before.p99_millis, canary.max_latency_increase_percent);
}

std::optional<std::string> what_clients_feel(const Step& step) {
  const auto& before = step.decision.notebook.canary.before;
  if (!before) return std::nullopt;
  for (const auto& now : step.scene.probes) {
    const auto then = std::ranges::find(*before, now.pod, &ProbeReading::pod);
    if (then == before->end()) continue;
    if (auto worse = what_clients_feel(step, *then, now)) return worse;
  }
  return std::nullopt;
}

std::optional<std::string> what_got_worse(const Step& step) {
  const auto& notes = step.decision.notebook.canary;
  const auto allowed = static_cast<Bytes>(kPredictionMargin * static_cast<double>(notes.expected)) +
                       noise(*step.decision.status.plan, step.scene.world);
  if (notes.grown > allowed) {
    return fmt::format("the targets grew by {}, where {} was expected", human_bytes(notes.grown),
                       human_bytes(notes.expected));
  }
  if (auto worse = what_clients_feel(step)) return worse;
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

std::optional<Decision> probe_before_canary(Step& step) {
  constexpr std::int64_t kEnough = 40;
  auto& before = step.notebook().canary.before;
  const auto& probes = step.scene.probes;
  if (step.status().state != State::kCanary || before || probes.empty() || !step.scene.running.empty())
    return std::nullopt;
  if (std::ranges::any_of(probes, [](const ProbeReading& probe) { return probe.sent < kEnough; }))
    return step.stay("ProbingLatency", "how fast the servers answer is probed before the first slot moves",
                     Millis(200));
  before = probes;
  return std::nullopt;
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
