// Rolling back: to the layout of the start, as a plan under the same rules as the way there. It begins once
// the cluster is covered again and nothing is open, and where it does not fit it holds.
#include "reconcile/rollback.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plan/planner.h"
#include "reconcile/preflight.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// A primary that gave its last slot may have become a replica of one that took from it
// (cluster-allow-replica-migration): that is no failover, and its slots do not belong there.
Result<const WorldNode*> heir_of(const Home& home, const InitialLayout& layout, const World& world) {
  const WorldNode* node = world.find(home.id);
  if (node == nullptr) node = world.find_pod(home.pod);
  const bool follows = node != nullptr && node->role == Role::kReplica;
  const WorldNode* heir = follows ? world.find(node->primary) : node;
  if (heir == nullptr) {
    return invalid_input(
        fmt::format("{}, which owned {} slots at the start, is gone", home.pod, home.slots.size()));
  }
  if (follows && std::ranges::count(layout.homes, heir->id, &Home::id) > 0) {
    return invalid_input(
        fmt::format("{}, which owned {} slots at the start, is a replica of {} now: make it an empty primary "
                    "again (CLUSTER RESET SOFT on it, then CLUSTER MEET)",
                    home.pod, home.slots.size(), heir->pod));
  }
  return heir;
}

void leave_out(std::vector<Assignment>& back, const std::map<Slot, std::string>& skipped) {
  for (auto& assignment : back) {
    for (const auto& [slot, why] : skipped) assignment.slots.remove(slot);
  }
  std::erase_if(back, [](const Assignment& assignment) { return assignment.slots.empty(); });
}

Result<std::vector<Assignment>> still_away(const Step& step) {
  TRY(back, way_back(step.scene.world, **step.scene.initial));
  leave_out(back, step.decision.notebook.skipped);
  return std::move(back);
}

Decision hold(Step step, std::string reason, const std::string& why) {
  return step.enter(State::kFailed, std::move(reason),
                    fmt::format("cannot roll back: {}; what was moved so far stays and is safe", why));
}

Decision rolled_back(Step step) {
  const RollBack& back = *step.status().roll_back;
  const auto& skipped = step.notebook().skipped;
  auto message = fmt::format("every slot is where it was at {}", (**step.scene.initial).when);
  if (!skipped.empty()) {
    message += fmt::format(", but for {} that stayed; the first, {}: {}", skipped.size(),
                           skipped.begin()->first, skipped.begin()->second);
  }
  if (back.asked) return step.enter(State::kRolledBack, "RolledBack", std::move(message));
  return step.enter(State::kRolledBack, "FailedAndRolledBack", message + "; what failed: " + back.why);
}

// From here on it is ordinary moving, with this plan.
Decision set_out(Step step, Plan plan) {
  step.notebook().run_ids.clear();
  for (const auto& node : step.scene.world.nodes) step.notebook().run_ids[node.pod] = node.run_id;
  step.notebook().waiting_since.reset();
  auto message = fmt::format("going back to the layout of {}: plan {} moves {} slots and {}",
                             (**step.scene.initial).when, plan.hash, plan.slots, human_bytes(plan.bytes));
  step.status().approved_hash = plan.hash;
  step.status().plan = std::move(plan);
  return step.stay("MovingBack", std::move(message), Millis(0));
}

Decision plan_back(Step step) {
  const auto back = still_away(step);
  if (!back) return hold(std::move(step), "CannotRollBack", back.error().message);
  if (back->empty()) return rolled_back(std::move(step));
  RebalanceSpec spec = step.spec;
  spec.goal = GoalSpec{};
  spec.goal.type = GoalType::kMove;
  spec.goal.assignments = *back;
  auto plan = make_plan(world_to_plan_in(step), spec, step.notebook().factors);
  if (!plan) return hold(std::move(step), "CannotRollBack", plan.error().message);
  if (plan->refusal && waits_for_room(step, *plan->refusal))
    return step.stay(kWaitsForMemory, "rolling back waits: " + in_figures(*plan->refusal), kLookForRoom);
  if (plan->refusal) return hold(std::move(step), plan->refusal->rule, in_figures(*plan->refusal));
  const auto findings = preflight(*plan, step.scene.world, spec);
  if (const Finding* blocker = first_blocker(findings))
    return step.stay(blocker->name, sentence_of(*blocker));
  if (auto waiting = claim(step)) return *std::move(waiting);
  if (auto waiting = raise_limits(step, *plan)) return *std::move(waiting);
  return set_out(std::move(step), *std::move(plan));
}

// Nothing of the way there runs or is open any more, and every slot is served.
Decision get_ready(Step step) {
  if (!step.scene.running.empty())
    return step.act(StopBatches{"rolling back"}, "Stopping", "stopping at the next safe point, to roll back");
  if (auto repairing = repair_own(step)) return *std::move(repairing);
  if (!step.scene.initial)
    return step.enter(State::kRolledBack, "NothingMoved", "nothing was moved: there is nothing to roll back");
  if (!*step.scene.initial) {
    const std::string why = step.scene.initial->error().message;
    return hold(std::move(step), "LayoutUnreadable", why);
  }
  if (auto waiting = wait_for_other(step)) return *std::move(waiting);
  const Finding* blocker = first_blocker(step.scene.world.findings);
  if (blocker != nullptr) return step.stay(blocker->name, "rolling back waits: " + sentence_of(*blocker));
  return plan_back(std::move(step));
}

}  // namespace

Result<std::vector<Assignment>> way_back(const World& world, const InitialLayout& layout) {
  std::vector<Assignment> back;
  for (const auto& home : layout.homes) {
    if (home.slots.empty()) continue;
    TRY(heir, heir_of(home, layout, world));
    SlotSet away = home.slots;
    away.remove(heir->slots);
    if (!away.empty()) back.push_back({std::move(away), heir->pod});
  }
  return back;
}

Decision begin_rollback(Step step, RollBack why) {
  const std::string message =
      why.asked ? "spec.execution is RollBack: going back to the layout of the start"
                : fmt::format("going back to the layout of the start, since it failed: {}", why.why);
  step.status().roll_back = std::move(why);
  step.status().plan.reset();
  step.status().approved_hash.clear();
  auto& notebook = step.notebook();
  notebook.skipped.clear();
  notebook.deferred.clear();
  notebook.waiting_since.reset();
  notebook.next_try.reset();
  notebook.failures_before = step.status().failure_count;
  step.decision.actions.clear();
  step.decision.requeue = Millis(0);
  return step.enter(State::kRollingBack, "RollingBack", message);
}

Decision roll_back(Step step) {
  step.status().state = State::kRollingBack;
  const bool way_known = step.status().plan && step.scene.initial && *step.scene.initial;
  if (!way_known) return get_ready(std::move(step));
  if (auto waiting = claim(step)) return *std::move(waiting);
  return move(std::move(step));
}

Decision conclude_rollback(Step step) {
  if (const Finding* blocker = first_blocker(step.scene.world.findings))
    return step.stay(blocker->name, fact_of(*blocker), Millis(250));
  const auto back = still_away(step);
  if (!back) return hold(std::move(step), "CannotRollBack", back.error().message);
  if (back->empty()) return rolled_back(std::move(step));
  step.status().plan.reset();  // a failover meanwhile, or somebody else: what is still away is planned anew
  return step.stay("RollingBack", "slots are still away from home: planning again", Millis(0));
}

}  // namespace rebalance
