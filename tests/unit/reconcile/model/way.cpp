#include "way.h"

#include "contract.h"

namespace rebalance::model {
namespace {

constexpr const char* kNames[] = {"nothing",     "hang",         "lost",      "twice",       "stale",
                                  "batch fails", "unreachable",  "reachable", "claim lost",  "another",
                                  "other gone",  "repair fails", "restart",   "limit lower", "crash",
                                  "night",       "day",          "Paused",    "Cancelled",   "RollBack",
                                  "PlanOnly",    "Run",          "approve"};
constexpr Bytes kRoomy = 512 * kMiB;
constexpr auto kInside = std::chrono::sys_seconds(std::chrono::minutes(90));
constexpr auto kOutside = std::chrono::sys_seconds(std::chrono::hours(12));

SlotSet first_of(const SlotSet& slots, int most) {
  SlotSet first;
  for_each_slot(slots, [&](Slot slot) {
    if (first.size() < most) first.add(slot);
  });
  return first;
}

}  // namespace

const char* name_of(Event event) { return kNames[static_cast<int>(event)]; }

const std::vector<Event>& all_events() {
  static const auto all = [] {
    std::vector<Event> events;
    for (int i = 0; i < static_cast<int>(std::size(kNames)); i++) events.push_back(static_cast<Event>(i));
    return events;
  }();
  return all;
}

void Way::spec(Event event) {
  auto& execution = resource.spec.execution;
  if (event == Event::kRun) execution = Execution::kRun;
  if (event == Event::kPause) execution = Execution::kPaused;
  if (event == Event::kCancel) execution = Execution::kCancelled;
  if (event == Event::kRollBack) execution = Execution::kRollBack;
  if (event == Event::kPlanOnly) execution = Execution::kPlanOnly;
  if (event == Event::kApprove && status.plan) resource.spec.approval.plan_hash = status.plan->hash;
}

void Way::happen(Event event) {
  spec(event);
  auto& target = scene.world.nodes[2];
  switch (event) {
    case Event::kUnreachable:
      scene.world.findings = {{Severity::kBlocker, "NodeUnreachable", "redis-2", "no answer", "look at it"}};
      break;
    case Event::kReachable: scene.world.findings.clear(); break;
    case Event::kClaimLost: scene.claim_lost = scene.claim_held ? "its lease ended" : ""; break;
    case Event::kAnotherClaims:
      if (scene.running.empty()) scene.claim_held = false, scene.claimed_by = "another";
      break;
    case Event::kOtherGone: scene.claimed_by.clear(); break;
    case Event::kRepairFails: repair_fails_ = true; break;
    case Event::kRestart: target.run_id += "+"; break;
    case Event::kLimitLowered: target.limit = 4 * kMiB; break;
    case Event::kNight: scene.wall = kOutside; break;
    case Event::kDay: scene.wall = kInside; break;
    case Event::kCrash:
      for (const auto& batch : scene.running) scene.journal_slots.add(batch.slots);
      scene.running.clear();
      scene.claim_held = false;
      scene.claim_lost.clear();
      notebook = {};
      break;
    default: break;
  }
}

void Way::fail(const Batch& batch) {
  SlotSet rest = batch.slots;
  const SlotSet moved = first_of(batch.slots, batch.slots.size() / 2);
  move(batch, moved);
  rest.remove(moved);
  const SlotSet open = first_of(rest, 1);
  scene.journal_slots.add(open);
  scene.ended.push_back({batch, open, {}, Error{ErrorCode::kConflict, "refused"}, 0, false, {}});
}

void Way::go_on(Event event) {
  if (event == Event::kHang) return;
  for (const auto& batch : scene.running) {
    if (event == Event::kBatchFails) {
      fail(batch);
    } else {
      complete(batch);
    }
  }
  scene.running.clear();
  if (event == Event::kLost) scene.ended.clear();
  const auto told = scene.ended;
  if (event == Event::kTwice) scene.ended.insert(scene.ended.end(), told.begin(), told.end());
}

void Way::repair() {
  scene.repaired = true;
  if (repair_fails_) scene.repair_error = Error{ErrorCode::kUnavailable, "a node does not answer"};
  if (!repair_fails_) scene.journal_slots = {};
  repair_fails_ = false;
}

// Half of each batch is behind its safe point.
void Way::stop_running() {
  for (const auto& batch : scene.running) {
    move(batch, first_of(batch.slots, batch.slots.size() / 2));
    scene.ended.push_back({batch, {}, {}, Error{ErrorCode::kStopped, "stopped"}, 0, false, {}});
  }
  scene.running.clear();
}

void Way::carry_out() {
  for (const auto& action : last.actions) {
    if (std::holds_alternative<TakeClaim>(action)) scene.claim_held = scene.claimed_by.empty();
    if (const auto* start = std::get_if<StartBatch>(&action)) scene.running.push_back(start->batch);
    if (std::holds_alternative<RepairOpen>(action)) repair();
    if (std::holds_alternative<StopBatches>(action)) stop_running();
  }
  scene.open_slots = scene.journal_slots;
  // Whoever drives it ends at rest, and begins anew with a claim of its own where that was lost.
  if (rests(status.state) && last.actions.empty()) scene.claim_held = false;
  if (status.reason == "ClaimLost") scene.claim_held = false, scene.claim_lost.clear(), notebook = {};
}

bool Way::step(Event event) {
  happen(event);
  go_on(event);
  const auto nodes_now = scene.world.nodes;
  if (event == Event::kStale && !nodes_before_.empty()) {
    for (std::size_t i = 0; i < nodes_now.size(); i++) scene.world.nodes[i].slots = nodes_before_[i].slots;
  }
  const auto asked_status = status;
  const auto asked_notebook = notebook;
  last = decide(resource, status, notebook, scene);
  for (const auto& rule : broken_rules({resource, asked_status, asked_notebook, scene}, last))
    broken.push_back(rule);
  scene.world.nodes = nodes_now;
  nodes_before_ = nodes_now;
  note();
  scene.now += std::max<Millis>(Millis(1000), last.requeue);
  carry_out();
  return !last.actions.empty() || status.state != asked_status.state;
}

void Way::calm() {
  calm_but_claims();
  scene.claimed_by.clear();
}

void Way::calm_but_claims() {
  scene.world.findings.clear();
  scene.claim_lost.clear();
  scene.wall = kInside;
  scene.world.nodes[2].limit = kRoomy;
  repair_fails_ = false;
}

void Way::look_at_the_end() {
  const auto must = [&](bool kept, const char* rule) {
    if (!kept) broken.emplace_back(rule);
  };
  must(scene.running.empty(), "at rest nothing runs");
  const bool told = status.reason == "RepairFailed" || status.reason == "TooManyFailures";
  must(scene.journal_slots.empty() || told, "at rest nothing is open, or it is told");
  SlotSet given;
  for (const auto& one : resource.spec.goal.assignments) given.add(one.slots);
  const auto& target = scene.world.nodes[2].slots;
  must(status.state != State::kSucceeded || status.reason == "PlanReady" ||
           intersection(given, target) == given,
       "it succeeded with every slot where it was to go");
  must(status.state != State::kRolledBack || target.empty(), "it is rolled back with every slot at home");
}

}  // namespace rebalance::model
