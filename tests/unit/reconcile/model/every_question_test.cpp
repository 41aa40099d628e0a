// decide under every combination of what it may be asked at once: it always answers, and no answer breaks a
// rule.
#include <fmt/format.h>

#include "../drive.h"
#include "contract.h"

namespace rebalance::model {
namespace {

// A number that is taken apart: each dimension takes its share of it.
struct Choice {
  unsigned long rest;
  int of(int many) {
    const auto now = static_cast<int>(rest % static_cast<unsigned long>(many));
    rest /= static_cast<unsigned long>(many);
    return now;
  }
  bool whether() { return of(2) == 1; }
};

Window night() { return {{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, "01:00", "02:00", "UTC"}; }

// In the middle of a move of ten slots from either of the full nodes.
Drive begun() {
  Drive drive;
  drive.resource.spec.goal.type = GoalType::kMove;
  drive.resource.spec.goal.assignments = {{SlotSet::parse("0-9,8192-8201").value(), "redis-2"}};
  drive.resource.spec.batch.max_slots = 5;
  drive.scene.zones = {{"UTC", {}}};
  drive.scene.wall = std::chrono::sys_seconds(std::chrono::minutes(90));
  drive.until(State::kRebalancing);
  return drive;
}

struct Asked {
  RedisRebalance resource;
  RebalanceStatus status;
  Notebook notebook;
};

void what_is_seen(Scene& scene, const Plan& plan, Choice& choice) {
  static const std::vector<std::vector<Finding>> kFindings{
      {},
      {{Severity::kBlocker, "NodeUnreachable", "redis-2", "it does not answer", "look at it"}},
      {{Severity::kBlocker, "ViewsDisagree", "redis-1", "slot 7", "wait"}}};
  scene.world.findings = kFindings.at(static_cast<std::size_t>(choice.of(3)));
  const int claim = choice.of(5);
  scene.claim_held = claim <= 1;
  scene.claim_lost = claim == 1 ? "another has it" : "";
  scene.claimed_by = claim == 2 ? "another" : "";
  scene.claim_problem = claim == 3 ? "no answer" : "";
  scene.running = choice.whether() ? std::vector{plan.batches.front()} : std::vector<Batch>{};
  scene.journal_slots = choice.whether() ? SlotSet::parse("1,8193").value() : SlotSet{};
  scene.open_slots = scene.journal_slots;
  const int repair = choice.of(3);
  scene.repaired = repair > 0;
  scene.repair_error =
      repair == 2 ? std::optional(Error{ErrorCode::kUnavailable, "no answer"}) : std::nullopt;
}

void what_changed(Scene& scene, Choice& choice) {
  auto& target = scene.world.nodes[2];
  const int change = choice.of(6);
  target.run_id = change == 1 ? "life-2" : "life-1";
  target.deleting = change == 2;
  target.rollout = change == 3 ? "redis" : "";
  target.limit = change == 4 ? 4 * kMiB : 512 * kMiB;
  scene.wall = std::chrono::sys_seconds(std::chrono::hours(change == 5 ? 12 : 0) + std::chrono::minutes(90));
}

void what_is_asked(Asked& asked, Scene& scene, Choice& choice) {
  constexpr Execution kAll[] = {Execution::kRun, Execution::kPaused, Execution::kCancelled,
                                Execution::kRollBack, Execution::kPlanOnly};
  asked.resource.spec.execution = kAll[choice.of(5)];
  const int stop = choice.of(3);
  scene.stop_asked = stop == 1;
  scene.close_asked = stop == 2 && scene.running.empty();  // whoever only closes starts nothing
  const int hash = choice.of(3);
  asked.resource.spec.approval.mode = hash == 0 ? ApprovalMode::kAutomatic : ApprovalMode::kManual;
  if (hash == 2) asked.resource.spec.approval.plan_hash = "feedbeef";
  asked.resource.spec.windows = {night()};
}

// Failures, and what was noted in the states before the first write.
void what_was_noted(Asked& asked, const Scene& scene, State state, Choice& choice) {
  asked.status.state = state;
  asked.status.reason = "Noted";
  asked.status.message = "as it was";
  const int failures = choice.of(3);
  asked.status.failure_count = failures == 2 ? asked.resource.spec.safety.max_failures : failures;
  for (int i = 0; i < failures; i++) asked.status.failures.push_back({"refused", i + 1, scene.wall_time});
  if (failures == 1) asked.notebook.next_try = scene.now + std::chrono::seconds(9);
  const bool fresh = choice.whether();
  if (!is_moving(state) && fresh) asked.status.plan.reset();
  if (!is_moving(state)) asked.status.approved_hash.clear();
  if (state == State::kRollingBack) asked.status.roll_back = RollBack{};
}

TEST(EveryQuestion, HasAnAnswerThatBreaksNoRule) {
  const Drive drive = begun();
  constexpr unsigned long kAll = std::size(kAllStates) * 3UL * 5 * 2 * 2 * 3 * 6 * 5 * 3 * 3 * 3 * 2;
  const unsigned long step = in_form(1, 7, 37);  // no factor of any dimension
  Scene scene = drive.scene;
  unsigned long answers = 0, starts = 0;
  for (unsigned long at = 0; at < kAll; at += step) {
    Choice choice{at};
    Asked asked{drive.resource, drive.status, drive.notebook};
    const State state = kAllStates[choice.of(std::size(kAllStates))];
    what_is_seen(scene, *drive.status.plan, choice);
    what_changed(scene, choice);
    what_is_asked(asked, scene, choice);
    what_was_noted(asked, scene, state, choice);
    const auto answer = decide(asked.resource, asked.status, asked.notebook, scene);
    const auto broken = broken_rules({asked.resource, asked.status, asked.notebook, scene}, answer);
    ASSERT_TRUE(broken.empty()) << broken.front() << "; question " << at << " in " << state_name(state)
                                << ", answer " << state_name(answer.status.state) << ": "
                                << answer.status.reason << ", " << answer.status.message;
    answers++;
    starts += count<StartBatch>(answer) > 0 ? 1 : 0;
  }
  fmt::print("{} questions answered, {} of them with batches\n", answers, starts);
  EXPECT_GT(starts, 0U);
}

}  // namespace
}  // namespace rebalance::model
