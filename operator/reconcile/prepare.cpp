// Everything before the first write: repair what this resource left open, plan, ask for approval, claim the
// cluster.
#include <fmt/format.h>

#include <algorithm>

#include "plan/hot_slots.h"
#include "plan/planner.h"
#include "reconcile/preflight.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// Goal Repair: whatever is open or odd, once; else what this resource left open.
std::optional<Decision> repair_first(Step& step) {
  if (step.spec.goal.type != GoalType::kRepair) return repair_own(step);
  if (step.scene.repair_error)
    return step.enter(State::kFailed, "RepairFailed", step.scene.repair_error->message);
  if (step.scene.repaired) return step.enter(State::kVerifying, "Repaired", "checking the repaired cluster");
  if (auto waiting = claim(step)) return waiting;
  return step.act(RepairOpen{true}, "Repairing", "repairing every open or odd slot");
}

// Keys are deleted only where both say so: the spec, and whoever runs this program.
std::optional<Decision> refuse_deletion(Step& step) {
  if (!step.spec.cold_keys.remove || step.scene.cold_deletion_allowed) return std::nullopt;
  return step.enter(State::kRefused, "DeletionNotAllowed",
                    "spec.coldKeys.action is Delete, which this installation does not allow: start the "
                    "program with --allow-cold-key-deletion (value coldKeys.allowDeletion of the chart), or "
                    "use Report");
}

// The first in full, a few more by name.
std::optional<Decision> refuse_unsafe(Step& step, const std::vector<Finding>& findings) {
  const Finding* blocker = first_blocker(findings);
  if (blocker == nullptr) return std::nullopt;
  constexpr int kNamed = 4;
  std::string message = sentence_of(*blocker);
  int others = 0;
  for (const auto& other : findings) {
    if (other.severity != Severity::kBlocker || &other == blocker || ++others > kNamed) continue;
    message += fmt::format("; also {}{}{}", other.name, other.where.empty() ? "" : " at ", other.where);
  }
  if (others > kNamed) message += fmt::format(" and {} more", others - kNamed);
  // Who waits for room has time: what stands in the way meanwhile may pass as well.
  const bool has_time = step.status().plan && step.status().plan->refusal;
  step.decision.requeue = has_time ? kLookForRoom : step.decision.requeue;
  return step.enter(has_time ? State::kWaiting : State::kRefused, blocker->name, std::move(message));
}

// What a plan was weighed with may grow or shrink by so much before it counts as another world.
constexpr double kSizeTolerance = 0.1;
constexpr Bytes kSizeFloor = kMiB;

// One that the plan raises may be as it was before.
Bytes least_limit(const Plan& plan, const NodeForecast& row) {
  const auto* raise = find_raise(plan.raises, row.pod);
  return raise == nullptr ? row.limit : raise->from;
}

std::optional<std::string> lowered_limit(const Plan& plan, const World& world) {
  for (const auto& row : plan.nodes) {
    const WorldNode* node = world.find_pod(row.pod);
    const Bytes least = least_limit(plan, row);
    if (node == nullptr || node->limit >= least || node->limit == 0) continue;
    return fmt::format("the limit of {} was lowered from {} to {}", row.pod, human_bytes(least),
                       human_bytes(node->limit));
  }
  return std::nullopt;
}

std::optional<std::string> changed_sizes(const Plan& plan, const World& world) {
  Bytes now = 0;
  for (const auto& batch : plan.batches) {
    for (const auto& range : batch.slots.ranges()) {
      for (int slot = range.first; slot <= range.last; slot++) now += world.sizes.bytes[slot];
    }
  }
  const auto allowed = kSizeFloor + static_cast<Bytes>(kSizeTolerance * static_cast<double>(plan.bytes));
  if (now <= plan.bytes + allowed && now >= plan.bytes - allowed) return std::nullopt;
  return fmt::format("its slots held {} and hold {} now", human_bytes(plan.bytes), human_bytes(now));
}

// A plan that was made before is kept as long as no limit was lowered, its slots weigh about the same, and
// each is still at one of its two ends. Made anew from the same cluster it would differ in a few slots, since
// sizes are samples.
std::optional<std::string> drift(const Plan& plan, const World& world) {
  if (auto lowered = lowered_limit(plan, world)) return lowered;
  if (auto changed = changed_sizes(plan, world)) return changed;
  for (const auto& batch : plan.batches) {
    const WorldNode* source = world.find(batch.source);
    const WorldNode* target = world.find(batch.target);
    if (source == nullptr || target == nullptr) return "a node of the plan is gone";
    SlotSet elsewhere = batch.slots;
    elsewhere.remove(source->slots);
    elsewhere.remove(target->slots);
    if (!elsewhere.empty()) {
      return fmt::format("slots {} are neither at {} nor at {}", elsewhere.text(), source->pod, target->pod);
    }
  }
  return std::nullopt;
}

bool needs_approval(const Plan& plan, const ApprovalSpec& approval) {
  switch (approval.mode) {
    case ApprovalMode::kAutomatic: return false;
    case ApprovalMode::kManual: return true;
    case ApprovalMode::kThreshold: return plan.slots > approval.slots || plan.bytes > approval.bytes;
  }
  return true;
}

std::optional<Decision> ask_approval(Step& step, const Plan& plan) {
  auto& status = step.status();
  const std::string& given = step.spec.approval.plan_hash;
  if (status.approved_hash == plan.hash) return std::nullopt;
  if (!given.empty() && given != plan.hash) {
    return step.enter(
        State::kPlanStale, "PlanChanged",
        fmt::format("plan {} was approved, but the cluster now gives plan {}; look at it and approve that",
                    given, plan.hash));
  }
  if (given.empty() && needs_approval(plan, step.spec.approval)) {
    return step.enter(
        State::kAwaitingApproval, "ApprovalNeeded",
        fmt::format("plan {} moves {} slots and {}: approve it by its hash (spec.approval.planHash, or "
                    "run --plan-hash {})",
                    plan.hash, plan.slots, human_bytes(plan.bytes), plan.hash));
  }
  status.approved_hash = plan.hash;
  return std::nullopt;
}

// bigKeys: Refuse and SkipSlot need every key of the slots that move to be looked at first; Move does not.
std::optional<Decision> treat_big_keys(Step& step) {
  const auto action = step.spec.big_keys.action;
  if (action == BigKeyAction::kMove) return std::nullopt;
  if (!step.scene.big_keys)
    return step.act(FindBigKeys{}, "FindingBigKeys", "looking for big keys in the slots that move");
  const auto& found = *step.scene.big_keys;
  if (!found) return step.enter(State::kFailed, "BigKeysUnknown", found.error().message);
  if (found->empty()) return std::nullopt;
  if (action == BigKeyAction::kSkipSlot) {
    step.notebook().skipped = *found;
    return std::nullopt;
  }
  const auto& [slot, what] = *found->begin();
  return step.enter(
      State::kRefused, "BigKeys",
      fmt::format("{} slots hold keys over {}; the first, {}: {}; `check --big-keys` lists them",
                  found->size(), human_bytes(step.spec.big_keys.threshold), slot, what));
}

Decision begin(Step step) {
  if (step.spec.hot_slots.action == HotSlotAction::kSkipSlot)
    step.notebook().skipped.merge(hot_slots(step.scene.world, step.spec.hot_slots));
  for (const auto& node : step.scene.world.nodes) step.notebook().run_ids[node.pod] = node.run_id;
  if (step.status().execution_started.empty()) step.status().execution_started = step.scene.wall_time;
  step.decision.requeue = Millis(0);
  step.notebook().canary.watched_since.reset();
  if (!wants_canary(step, *step.status().plan))
    return step.enter(State::kRebalancing, "Moving", "moving slots");
  return step.enter(State::kCanary, "Moving",
                    fmt::format("moving the first {} slots", step.spec.canary.slots));
}

Decision follow(Step step, const Plan& plan) {
  if (plan.refusal && waits_for_room(step, *plan.refusal) && step.spec.execution != Execution::kPlanOnly) {
    step.decision.requeue = kLookForRoom;
    return step.enter(State::kWaiting, kWaitsForMemory, in_figures(*plan.refusal));
  }
  if (plan.refusal) return step.enter(State::kRefused, plan.refusal->rule, plan.refusal->sentence);
  if (plan.batches.empty()) {
    return step.enter(State::kSucceeded, "NothingToDo", "the cluster is as the goal asks; nothing was moved");
  }
  if (step.spec.execution == Execution::kPlanOnly) {
    return step.enter(State::kSucceeded, "PlanReady",
                      fmt::format("plan {} is ready; execution is PlanOnly", plan.hash));
  }
  if (auto refused = refuse_unsafe(step, preflight(plan, step.scene.world, step.spec)))
    return *std::move(refused);
  if (auto stopped = treat_big_keys(step)) return *std::move(stopped);
  if (auto waiting = ask_approval(step, plan)) return *std::move(waiting);
  if (auto waiting = keep_to_windows(step)) return *std::move(waiting);
  if (auto waiting = claim(step)) return *std::move(waiting);
  if (auto clearing = clear_replica_marks(step)) return *std::move(clearing);
  if (auto waiting = raise_limits(step, plan)) return *std::move(waiting);
  return begin(std::move(step));
}

// What the nodes say while slots change hands, and for a moment after it.
bool is_work_in_progress(const Finding& finding) {
  return finding.name == "OpenSlots" || finding.name == "ViewsDisagree" ||
         finding.name == "SlotsOwnedTwice" || finding.name == "EqualConfigEpochs";
}

// An executor that was killed an instant ago leaves news that gossip still spreads.
std::optional<Decision> let_gossip_settle(Step& step) {
  constexpr auto kGossip = std::chrono::seconds(10);
  const Finding* blocker = first_blocker(step.scene.world.findings);
  auto& since = step.notebook().waiting_since;
  if (blocker == nullptr || blocker->name == "OpenSlots" || !is_work_in_progress(*blocker)) {
    since.reset();
    return std::nullopt;
  }
  if (!since) since = step.scene.now;
  if (step.scene.now - *since > kGossip) return std::nullopt;
  return step.stay("Converging", fact_of(*blocker), Millis(250));
}

// The plan that is there already, if it still fits the cluster, else a new one; what a person approved is
// never replaced.
std::optional<Decision> find_plan(Step& step) {
  auto& plan = step.status().plan;
  if (plan && plan->refusal) plan.reset();  // it waited for room: is there room now?
  if (plan) {
    const auto why = drift(*plan, step.scene.world);
    if (!why) return std::nullopt;
    const bool approved =
        step.status().approved_hash == plan->hash && needs_approval(*plan, step.spec.approval);
    if (approved || step.spec.approval.plan_hash == plan->hash)
      return step.enter(State::kPlanStale, "ClusterChanged", *why);
    step.status().approved_hash.clear();
  }
  auto made = make_plan(world_to_plan_in(step), step.spec, step.notebook().factors);
  if (!made) return step.enter(State::kRefused, "InvalidGoal", made.error().message);
  plan = *std::move(made);
  return std::nullopt;
}

}  // namespace

bool waits_for_room(const Step& step, const Refusal& refusal) {
  const bool of_bytes = refusal.short_bytes > 0 && refusal.rule != wall_name(Wall::kNoLimit);
  return step.spec.headroom.on_shortage == OnShortage::kWait && of_bytes;
}

std::string in_figures(const Refusal& refusal) {
  if (refusal.remedies.empty()) return refusal.sentence;
  return refusal.sentence + " Enough would be: " + refusal.remedies.front().sentence;
}

std::optional<Decision> claim(Step& step) {
  if (step.scene.claim_held) return std::nullopt;
  if (!step.scene.claimed_by.empty()) {
    step.decision.actions.emplace_back(TakeClaim{});  // asked again: a live claim may end
    return step.enter(State::kWaiting, "WaitingForCluster",
                      "another executor works on this cluster: " + step.scene.claimed_by);
  }
  if (!step.scene.claim_problem.empty()) {
    step.decision.actions.emplace_back(TakeClaim{});
    return step.enter(State::kWaiting, "CannotClaim",
                      "the cluster cannot be claimed: " + step.scene.claim_problem);
  }
  return step.act(TakeClaim{}, "Claiming", "claiming the cluster");
}

std::optional<Decision> repair_own(Step& step) {
  if (step.scene.journal_slots.empty()) return std::nullopt;
  if (step.scene.repair_error)
    return step.enter(State::kFailed, "RepairFailed", step.scene.repair_error->message);
  if (step.scene.repaired) return std::nullopt;
  if (auto waiting = claim(step)) return waiting;
  return step.act(RepairOpen{}, "Repairing",
                  fmt::format("finishing what was left open: slots {}", step.scene.journal_slots.text()));
}

// No primary has an open slot: what is still marked is so on replicas that were away when their primaries
// closed it (valkey issue 998), and would be served by once they take over.
std::optional<Decision> clear_replica_marks(Step& step) {
  const auto& scene = step.scene;
  if (scene.open_slots.empty() || scene.repaired || scene.repair_error) return std::nullopt;
  if (auto waiting = claim(step)) return waiting;
  return step.act(RepairOpen{false, scene.open_slots}, "Repairing",
                  "clearing marks that only replicas keep: slots " + scene.open_slots.text());
}

// What another executor has under way looks like trouble to everybody else: who holds the claim is asked
// first.
std::optional<Decision> wait_for_other(Step& step) {
  const Finding* blocker = first_blocker(step.scene.world.findings);
  const bool known = !step.scene.claimed_by.empty();
  return known || (blocker != nullptr && is_work_in_progress(*blocker)) ? claim(step) : std::nullopt;
}

Decision hold_back(Step step) {
  const bool cancelled = step.spec.execution == Execution::kCancelled;
  const std::string name = cancelled ? "Cancelled" : "Paused";
  const bool plan_only = step.spec.execution == Execution::kPlanOnly;
  const auto asked = "spec.execution is " + (plan_only ? "PlanOnly" : name);
  if (!step.scene.running.empty())
    return step.act(StopBatches{asked}, "Stopping", asked + ": stopping at the next safe point");
  const bool open = !step.scene.journal_slots.empty();
  if (open && !step.scene.repaired && !step.scene.repair_error) {
    if (auto waiting = claim(step)) return *std::move(waiting);
    return step.act(RepairOpen{}, "Repairing", "closing slots " + step.scene.journal_slots.text());
  }
  std::string message = asked + (cancelled ? ": what was moved stays where it is; this is final"
                                           : ": nothing moves until it is Run again");
  if (step.scene.repair_error) {
    message += "; slots stay open: " + step.scene.repair_error->message;
  } else if (open) {
    message += fmt::format("; slots {} may be open: a node does not answer", step.scene.journal_slots.text());
  }
  step.decision.requeue = Millis(10'000);
  return step.enter(cancelled ? State::kCancelled : State::kPaused, name, std::move(message));
}

Decision close_only(Step step) {
  if (step.scene.repair_error) return step.stay("Stopped", step.scene.repair_error->message);
  if (step.scene.repaired || step.scene.journal_slots.empty())
    return step.stay("Stopped", "nothing of this resource is open");
  if (auto waiting = claim(step)) return *std::move(waiting);
  return step.act(RepairOpen{}, "Repairing",
                  fmt::format("finishing what was left open: slots {}", step.scene.journal_slots.text()));
}

Decision prepare(Step step) {
  // Who waits for the night does not mind what happens by day.
  const bool sleeps = step.status().state == State::kWaiting && step.status().reason == kWaitsForWindow;
  if (auto waiting = sleeps ? keep_to_windows(step) : std::nullopt) return *std::move(waiting);
  if (auto repairing = repair_first(step)) return *std::move(repairing);
  if (auto refused = refuse_deletion(step)) return *std::move(refused);
  if (auto waiting = wait_for_other(step)) return *std::move(waiting);
  if (auto settling = let_gossip_settle(step)) return *std::move(settling);
  if (auto refused = refuse_unsafe(step, step.scene.world.findings)) return *std::move(refused);
  if (auto stale = find_plan(step)) return *std::move(stale);
  const Plan plan = *step.status().plan;
  return follow(std::move(step), plan);
}

}  // namespace rebalance
