// What a run keeps beside the status, and finds again: the plan or the rollback that is under way, the layout
// of the start, the log of moves, which servers defragment themselves.
#include <fmt/format.h>

#include <algorithm>

#include "api/conditions.h"
#include "base/log.h"
#include "codec/layout_codec.h"
#include "control/controller.h"
#include "control/plan_record.h"

namespace rebalance {

// A rollback that began goes on whatever the spec says by now; a plan is kept for this very spec alone.
void Controller::recall() {
  if (const auto read = cold_.recall(); !read) reporter_.event("ColdKeysUnknown", read.error().message);
  status_.cold_keys = cold_.count();
  if (const auto read = defrag_.recall(); !read) reporter_.event("DefragStaysOn", read.error().message);
  if (const auto text = documents_.get(kLayout); !text) {
    initial_ = std::unexpected(text.error());
  } else if (*text) {
    initial_ = decode_layout(**text);
  }
  const auto text = documents_.get(kRecord);
  if (!text || !*text) return;
  found_record_ = true;
  const auto record = decode_record(**text);
  if (!record) return reporter_.event("RecordIgnored", record.error().message);
  if (!record->roll_back) return recall_plan(*record);
  status_.roll_back = record->roll_back;
  recorded_ = true;
  reporter_.event("Resuming", fmt::format("going on with the rollback that began at {}", record->when));
}

void Controller::recall_plan(const Record& record) {
  if (record.fingerprint != resource_.fingerprint) return;  // of another spec: planned anew
  const auto& given = resource_.spec.approval.plan_hash;
  if (!record.approved && !given.empty() && given != record.plan.hash) return;
  status_.plan = record.plan;
  if (!record.approved) {
    return reporter_.event("PlanKept",
                           fmt::format("plan {} of {} still waits", record.plan.hash, record.when));
  }
  status_.approved_hash = record.plan.hash;
  recorded_ = true;
  reporter_.event("Resuming",
                  fmt::format("going on with plan {}, approved {}", record.plan.hash, record.when));
}

// From now on batches of this plan may start.
bool Controller::sets_out(const RebalanceStatus& next) const {
  return is_moving(next.state) && next.plan && (!is_moving(status_.state) || !status_.plan);
}

// What was there before the first slot moves is kept first of all.
Status Controller::begin_log(const RebalanceStatus& next) {
  if (!sets_out(next)) return {};
  const bool again = recorded_ || next.roll_back || !status_.execution_started.empty();
  const auto layout = layout_now(world_, next.execution_started);
  auto begun = log_.begin(layout, again);
  if (begun && !again) initial_ = layout, cold_.clear();
  return begun;
}

// Without it the move is as safe: it only leaves the source more fragmented.
void Controller::begin_defrag(const PodName& source) {
  if (!resource_.spec.defrag_during_move) return;
  const auto begun = defrag_.begin(source, look_access(observer_));
  if (begun) return;
  const auto why = fmt::format("active defragmentation is not on at {}: {}", source, begun.error().message);
  reporter_.event("DefragNotPossible", why);
  if (status_.plan && std::ranges::count(status_.plan->notes, why) == 0) status_.plan->notes.push_back(why);
}

// A log that cannot be written stops nothing.
void Controller::flush_log(bool last) {
  if (const auto written = log_.flush(BootClock::now(), last); !written)
    log_warning("the log of moves was not written: " + written.error().message);
  if (const auto written = cold_.flush(BootClock::now(), last); !written)
    log_warning("the cold keys were not noted: " + written.error().message);
}

// On the way back nothing is looked at again, and nothing deleted.
std::function<void(std::stop_token)> Controller::cold_look(const BatchJob& job) {
  if (status_.roll_back) return {};
  return [this, pod = job.source.pod, slots = job.batch.slots, access = job.source.access](
             std::stop_token stop) { cold_.look(pod, slots, access, gate_, std::move(stop)); };
}

void Controller::tell_cold_keys() {
  const auto& cold = status_.cold_keys;
  if (!cold || cold->cold + cold->expired == 0) return;
  reporter_.event("ColdKeys",
                  "of the slots that moved, " + cold_sentence(*cold, resource_.spec.cold_keys.idle_seconds));
}

// Intent before effect: the approved plan is on disk before the first batch starts, and gone once it is done.
// One that waits for approval is kept too, since what is approved is that very plan. One of an earlier spec
// goes when this one has succeeded.
Status Controller::keep_record() {
  const bool outlived = found_record_ && status_.state == State::kSucceeded;
  if (is_final(status_.state)) return recorded_ || outlived ? documents_.remove(kRecord) : Status{};
  if (status_.roll_back) {
    if (rollback_recorded_) return {};
    recorded_ = rollback_recorded_ = true;
    return keep_rollback(documents_, resource_, *status_.roll_back);
  }
  if (status_.state == State::kAwaitingApproval)
    return keep_plan(documents_, resource_, *status_.plan, false);
  if (recorded_ || status_.approved_hash.empty() || !is_moving(status_.state)) return {};
  recorded_ = true;
  return keep_plan(documents_, resource_, *status_.plan, true);
}

// An end stands although its record stays: it tells of this spec alone. Before that nothing goes on, and
// where nobody answers for a moment, or a right is missing, it is no failure: the next run tries again.
void Controller::not_kept(const Error& why) {
  if (is_final(status_.state)) return reporter_.event("RecordStays", why.message);
  const bool passes = why.code == ErrorCode::kUnavailable || why.code == ErrorCode::kTimeout ||
                      why.code == ErrorCode::kRefused;
  status_.state = passes ? State::kWaiting : State::kFailed;
  status_.reason = passes ? "Unavailable" : "StateFolder";
  status_.message = why.message;
}

}  // namespace rebalance
