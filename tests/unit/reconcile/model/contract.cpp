#include "contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "api/conditions.h"

namespace rebalance::model {
namespace {

constexpr Millis kLongestWait{60'000};

class Examination {
 public:
  Examination(const Question& asked, const Decision& answer)
      : asked_(asked), answer_(answer), scene_(asked.scene), spec_(asked.resource.spec) {}

  std::vector<std::string> run() {
    answers();
    latches();
    for (const auto& action : answer_.actions) std::visit([&](const auto& one) { look_at(one); }, action);
    return std::move(broken_);
  }

 private:
  void must(bool kept, std::string rule) {
    if (!kept) broken_.push_back(std::move(rule));
  }

  void answers() {
    const auto& status = answer_.status;
    must(is_final(asked_.status.state) || (!status.reason.empty() && !status.message.empty()),
         "each answer has a reason and a sentence");
    must(answer_.requeue >= Millis(0) && answer_.requeue <= kLongestWait, "it is asked again in time");
    must(!is_moving(status.state) || status.plan || status.roll_back, "what moves has a plan");
    // Whoever drives it ends there; a new process begins with Planning.
    must(!rests(status.state) || rests(asked_.status.state) || answer_.actions.empty(),
         "an end asks for nothing");
  }

  void latches() {
    const auto &before = asked_.status, &after = answer_.status;
    must(!is_final(before.state) || (before.state == after.state && before.message == after.message),
         "an end stays");
    must(!before.roll_back || after.roll_back, "a rollback is not turned round");
    must(spec_.execution != Execution::kCancelled || is_final(before.state) || scene_.stop_asked ||
             scene_.close_asked || !scene_.claim_lost.empty() || !scene_.running.empty() ||
             !scene_.journal_slots.empty() || after.state == State::kCancelled,
         "what is cancelled ends so");
    must(after.failure_count >= before.failure_count, "failures are not forgotten");
    // A rollback's plan follows from the layout of the start.
    const std::string& given = spec_.approval.plan_hash;
    const bool asks = spec_.approval.mode == ApprovalMode::kManual || !given.empty();
    must(after.approved_hash == before.approved_hash || after.approved_hash.empty() || !asks ||
             after.approved_hash == given || after.roll_back,
         "a plan is approved by its hash");
  }

  void may_act(const std::string& what) {
    must(scene_.claim_held && scene_.claim_lost.empty(), what + " only with the claim");
    must(!is_final(asked_.status.state), what + " not after the end");
  }

  void may_begin(const std::string& what) {
    may_act(what);
    must(!scene_.stop_asked && !scene_.close_asked, what + " not after a stop");
    must(spec_.execution == Execution::kRun || spec_.execution == Execution::kRollBack,
         what + " not while Paused, Cancelled or PlanOnly");
    must(spec_.execution != Execution::kRollBack || answer_.status.roll_back,
         what + " not on the way there once it is to go back");
    must(opening_at(scene_.wall, spec_.windows, scene_.zones).open, what + " only inside windows");
    must(first_blocker(scene_.world.findings) == nullptr, what + " not while a blocker stands");
  }

  void look_at(const StartBatch& start) {
    may_begin("a batch starts");
    started_.push_back(start.batch);
    must(is_moving(answer_.status.state), "batches start while it moves");
    if (!answer_.status.plan) return must(false, "a batch is of a plan");
    approval();
    failures();
    servers(start.batch);
    slots(start.batch);
    neighbours(start.batch);
    canary();
    memory(start.batch);
  }

  void approval() {
    must(answer_.status.approved_hash == answer_.status.plan->hash, "only the approved plan is executed");
  }

  void failures() {
    const auto& notes = answer_.notebook;
    const int failures = answer_.status.failure_count - notes.failures_before;
    must(failures == 0 || failures < spec_.safety.max_failures, "the budget of failures ends the work");
    must(!notes.next_try || scene_.now >= *notes.next_try, "failures are spaced");
    const std::chrono::seconds pause(spec_.batch.pause_seconds);
    must(!notes.last_end || scene_.now - *notes.last_end >= pause, "batches are spaced");
    must(!notes.speed.held, "nothing starts while clients wait");
  }

  void servers(const Batch& batch) {
    for (const auto& node : scene_.world.nodes) {
      const auto noted = asked_.notebook.run_ids.find(node.pod);
      must(noted == asked_.notebook.run_ids.end() || noted->second == node.run_id,
           "nothing starts after a server has restarted");
      const bool touched = node.id == batch.source || node.id == batch.target;
      must(!touched || (!node.deleting && node.rollout.empty()), "nothing starts at a pod that leaves");
      const LimitRaise* raise = find_raise(answer_.status.plan->raises, node.pod);
      must(raise == nullptr || node.resize.actual > raise->from || node.limit > raise->from,
           "nothing starts before a raised limit is real");
    }
  }

  void slots(const Batch& batch) {
    const WorldNode* source = scene_.world.find(batch.source);
    must(!batch.slots.empty(), "a batch has slots");
    must(source != nullptr && intersection(batch.slots, source->slots) == batch.slots,
         "a source gives what it owns");
    must(!batch.slots.overlaps(scene_.journal_slots), "what may be open is closed first");
    for (const auto& [slot, why] : answer_.notebook.skipped)
      must(!batch.slots.contains(slot), "a slot that was skipped stays");
    for (const auto& [slot, why] : asked_.notebook.deferred)
      must(!batch.slots.contains(slot) || scene_.running.empty(), "a deferred slot goes by itself");
  }

  void neighbours(const Batch& batch) {
    auto others = scene_.running;
    others.insert(others.end(), started_.begin(), started_.end() - 1);
    must(std::ssize(others) < spec_.batch.parallel_pairs, "no more pairs than spec.batch allows");
    int to_target = 0;
    for (const auto& other : others) {
      must(!batch.slots.overlaps(other.slots), "no slot travels twice");
      must(other.index != batch.index, "no batch runs twice");
      must(other.source != batch.source || other.target != batch.target, "one batch of a pair at a time");
      must(other.source != batch.target && other.target != batch.source, "who takes does not give");
      to_target += other.target == batch.target ? 1 : 0;
    }
    must(to_target < 2, "two sources to one target at the most");
  }

  void canary() {
    if (answer_.status.state != State::kCanary) return;
    int slots = 0;
    for (const auto& batch : answer_.status.plan->batches) {
      const WorldNode* target = scene_.world.find(batch.target);
      slots += target == nullptr ? 0 : intersection(batch.slots, target->slots).size();
    }
    for (const auto& batch : scene_.running) slots += batch.slots.size();
    for (const auto& batch : started_) slots += batch.slots.size();
    must(slots <= spec_.canary.slots, "the canary is as small as the spec says");
  }

  void memory(const Batch& batch) {
    const WorldNode* target = scene_.world.find(batch.target);
    if (target == nullptr) return must(false, "a batch has a target");
    Bytes holds = target->memory.base() + batch.bytes;
    for (const auto& other : scene_.running) holds += other.target == batch.target ? other.bytes : 0;
    must(holds <= target->limit * (100 - spec_.headroom.min_free_percent) / 100,
         "a target stays under its ceiling");
  }

  void look_at(const RepairOpen& /*repair*/) {
    may_act("a repair");
    must(scene_.running.empty(), "repairs come while nothing runs");
  }
  void look_at(const RaiseLimits& raise) {
    may_begin("a limit is raised");
    must(!raise.raises.empty(), "a raise names its pods");
  }
  void look_at(const PutBackLimits& /*put_back*/) {
    must(scene_.running.empty() && started_.empty(), "limits go back while nothing runs");
    must(!is_moving(answer_.status.state), "limits go back while nothing is to run");
  }
  void look_at(const TakeClaim& /*take*/) { must(!scene_.claim_held, "what is held is not claimed again"); }
  void look_at(const StopBatches& stop) { must(!stop.why.empty(), "a stop says why"); }
  void look_at(const FindBigKeys& /*find*/) { must(answer_.status.plan.has_value(), "keys are of a plan"); }
  void look_at(const SetSpeed& speed) {
    must(speed.percent > 0 && speed.percent <= 100, "a speed is a percentage");
  }

  const Question& asked_;
  const Decision& answer_;
  const Scene& scene_;
  const RebalanceSpec& spec_;
  std::vector<Batch> started_;
  std::vector<std::string> broken_;
};

}  // namespace

int in_form(int full, int usual, int less) {
  const char* set = std::getenv("TEST_FORM");
  const std::string form = set == nullptr ? "" : set;
  return form == "full" ? full : form == "short" ? less : usual;
}

std::vector<std::string> broken_rules(const Question& asked, const Decision& answer) {
  return Examination(asked, answer).run();
}

}  // namespace rebalance::model
