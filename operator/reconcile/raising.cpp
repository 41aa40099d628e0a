// Before the first batch, and where memory is short later: limits are raised in place, and only what is real
// counts.
#include <fmt/format.h>

#include <algorithm>

#include "api/conditions.h"
#include "plan/stretch.h"
#include "reconcile/limits.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// What the kubelet says of the last attempt stands until it has seen the new one.
constexpr std::chrono::seconds kKubeletLooks{3};
constexpr Millis kAskAgain{5'000};

// Half of what a raise has on top of what is needed: planned anew, it comes out a little higher or lower.
constexpr Bytes kNearEnough = 40;
Bytes enough(const LimitRaise& raise) { return raise.to - raise.to / kNearEnough; }

std::string raise_text(const LimitRaise& raise) {
  return fmt::format("the memory limit of {} from {} to {}", raise.pod, quantity_text(raise.from),
                     quantity_text(raise.to));
}

// In the middle of a move, or on the way back, the state stays what it is.
Decision wait_for_resize(Step& step, std::string reason, std::string message, Millis requeue) {
  step.decision.requeue = requeue;
  const State state = step.status().state;
  return step.enter(is_moving(state) ? state : State::kWaiting, std::move(reason), std::move(message));
}

Decision give_up(Step& step, const std::string& message) {
  return step.enter(is_moving(step.status().state) ? State::kFailed : State::kRefused, "CannotResize",
                    message);
}

// What will not be given however often it is asked for is an end; a right that is missing is not.
Decision refused(Step& step, const std::vector<LimitRaise>& raises) {
  const Error& why = *step.scene.raise_error;
  const auto message = "cannot raise " + raise_text(raises.front()) + ": " + why.message;
  if (why.code == ErrorCode::kInvalidInput) return give_up(step, message);
  step.decision.actions.emplace_back(RaiseLimits{raises});
  return wait_for_resize(step, "CannotResize", message, kAskAgain);
}

bool infeasible_for_long(Step& step, const PodResize& resize) {
  auto& since = step.notebook().infeasible_since;
  if (!resize.infeasible()) since.reset();
  if (resize.infeasible() && !since) since = step.scene.now;
  return since && step.scene.now - *since >= kKubeletLooks;
}

// Asked for, and not real yet.
Decision wait_for_kubelet(Step& step, const LimitRaise& raise, const PodResize& resize, std::size_t others) {
  if (infeasible_for_long(step, resize))
    return give_up(step, fmt::format("cannot raise {}: {}", raise_text(raise), kubelet_words(resize)));
  auto message = fmt::format("raising {} in place: {} is real, and {}", raise_text(raise),
                             quantity_text(resize.actual), kubelet_words(resize));
  if (others > 0) message += fmt::format("; {} more are not real yet", others);
  return wait_for_resize(step, "Resizing", std::move(message), Millis(1000));
}

}  // namespace

World world_to_plan_in(const Step& step) { return before_raises(step.scene.world, step.scene.raised); }

std::optional<Decision> raise_limits(Step& step, const Plan& plan) {
  std::vector<LimitRaise> unasked, unreal;
  for (const auto& raise : plan.raises) {
    const WorldNode* node = step.scene.world.find_pod(raise.pod);
    if (node == nullptr) continue;  // a missing node is a finding of the cluster
    const bool asked = node->resize.wanted >= enough(raise);
    if (!asked) unasked.push_back(raise);
    if (asked && node->resize.actual < enough(raise)) unreal.push_back(raise);
  }
  if (!unasked.empty() && step.scene.raise_error) return refused(step, unasked);
  if (!unasked.empty()) {
    auto message = fmt::format("raising {} in place", raise_text(unasked.front()));
    if (unasked.size() > 1) message += fmt::format(", and {} more", unasked.size() - 1);
    step.decision.actions.emplace_back(RaiseLimits{std::move(unasked)});
    return wait_for_resize(step, "Resizing", std::move(message), Millis(500));
  }
  if (unreal.empty()) return std::nullopt;
  const auto worst = std::ranges::max_element(unreal, {}, [&](const LimitRaise& raise) {
    return step.scene.world.find_pod(raise.pod)->resize.infeasible();
  });
  return wait_for_kubelet(step, *worst, step.scene.world.find_pod(worst->pod)->resize, unreal.size() - 1);
}

std::optional<Decision> raise_further(Step& step, Refusal& refusal) {
  if (step.spec.headroom.on_shortage != OnShortage::kResize || refusal.short_bytes == 0) return std::nullopt;
  auto& plan = *step.status().plan;
  std::vector<Batch> left;
  for (auto batch : plan.batches) {
    batch.slots = remaining(batch, step.scene.world);
    for (const auto& [slot, why] : step.notebook().skipped) batch.slots.remove(slot);
    batch.bytes = step.scene.world.sizes.bytes_of(batch.slots);
    if (!batch.slots.empty()) left.push_back(std::move(batch));
  }
  const auto more =
      stretch_further(step.scene.world, step.spec, step.notebook().factors, left, step.scene.raised);
  if (!more) refusal.sentence += " " + more.error();
  if (!more || more->empty()) return std::nullopt;
  for (const auto& raise : *more) {
    const auto known = std::ranges::find(plan.raises, raise.pod, &LimitRaise::pod);
    if (known == plan.raises.end()) plan.raises.push_back(raise);
    if (known != plan.raises.end()) known->to = std::max(known->to, raise.to);
  }
  return raise_limits(step, plan);
}

}  // namespace rebalance
