#include "control/kube_reporter.h"

#include <fmt/format.h>

#include <set>

#include "api/cluster_name.h"
#include "api/conditions.h"
#include "api/lifetime.h"
#include "base/log.h"
#include "control/observer.h"
#include "control/rebalance_object.h"
#include "model/slot_health.h"
#include "plan/node_rows.h"
#include "reconcile/decide.h"

namespace rebalance {
namespace {

constexpr Millis kLastWord{10'000};

std::string now_text() { return rfc3339(std::chrono::system_clock::now()); }

bool is_trouble(State state, const std::string& reason) {
  return state == State::kFailed || state == State::kRefused || state == State::kPlanStale ||
         reason == "WorseThanBefore";
}

}  // namespace

KubeReporter::KubeReporter(KubeShow show, RedisRebalance resource, StatusDocument before, bool events_only)
    : show_(show), resource_(std::move(resource)), events_only_(events_only), document_(std::move(before)) {
  if (document_.observed_generation != resource_.generation) document_.finished.clear();
  document_.observed_generation = resource_.generation;
  document_.cluster_name = cluster_name(resource_.spec.cluster);
  thread_ = std::jthread([this, fields = LogFields::of_this_thread()](const std::stop_token& stop) {
    const LogFields same(fields);
    write_all(stop);
  });
}

KubeReporter::~KubeReporter() { finish(); }

bool KubeReporter::finish() {
  std::unique_lock lock(mutex_);
  if (!ending_) last_word_until_ = BootClock::now() + kLastWord;
  ending_ = true;
  condition_.notify_all();
  return condition_.wait_for(lock, last_word_until_ - BootClock::now(),
                             [this] { return !dirty_ && !writing_; });
}

void KubeReporter::changed(bool urgent) {
  if (events_only_) return;
  dirty_ = true;
  urgent_ = urgent_ || urgent;
  condition_.notify_all();
}

// An end is told with what follows from it, or does not.
void KubeReporter::note_end() {
  auto& status = document_.status;
  if (!is_final(status.state)) return document_.finished.clear();
  if (document_.finished.empty()) document_.finished = now_text();
  if (const auto ignored = ttl_ignored(resource_); !ignored.empty()) status.message += "; " + ignored;
}

void KubeReporter::renew_conditions(const World* world) {
  document_.conditions = conditions_of(
      document_.status, {resource_.spec, resource_.generation, world, now_text()}, document_.conditions);
}

void KubeReporter::plan(const Plan& plan, const World& /*world*/) {
  event("PlanMade", fmt::format("plan {}: {} slots, {} in {} batches", plan.hash, plan.slots,
                                human_bytes(plan.bytes), plan.batches.size()));
}

void KubeReporter::decided(double seconds) { show_.metrics.planned(seconds); }

void KubeReporter::batch_ended(const BatchReport& batch) {
  const std::string cluster = cluster_name(resource_.spec.cluster);
  const bool stopped = batch.error && batch.error->code == ErrorCode::kStopped;
  show_.metrics.batch_ended({resource_.name_space, cluster, batch.engine,
                             stopped       ? BatchOutcome::kStopped
                             : batch.error ? BatchOutcome::kFailed
                                           : BatchOutcome::kDone,
                             batch.slots, batch.skipped, batch.keys, batch.bytes, batch.seconds});
  if (batch.error && !stopped) show_.metrics.retried(resource_.name_space, cluster, batch.error->code);
}

void KubeReporter::status(const RebalanceStatus& status, const World& world, const ClusterState& cluster) {
  const std::scoped_lock lock(mutex_);
  const auto& old = document_.status;
  const bool urgent =
      status.state != old.state || status.reason != old.reason || status.failure_count != old.failure_count;
  document_.status = status;
  const bool planned = status.plan && !status.plan->batches.empty() && !is_final(status.state);
  document_.plan_config_map = planned ? documents_name(resource_.name) : "";
  if (!status.execution_started.empty()) document_.initial_layout = documents_name(resource_.name);
  note_end();
  document_.nodes = node_rows(world, status.plan, resource_.spec.headroom, peaks_);
  renew_conditions(&world);
  show_figures(cluster);
  changed(urgent);
}

void KubeReporter::view(const RunView& view) {
  const std::scoped_lock lock(mutex_);
  for (const auto& pod : view.pods) peaks_[pod.pod] = std::max(peaks_[pod.pod], pod.peak);
  if (view.slots_total == 0) return;
  ProgressFigures figures;
  std::int64_t keys_total = 0;
  for (const auto& pair : view.pairs) {
    figures.keys_done += pair.keys_done;
    keys_total += pair.keys_total;
  }
  figures.keys_total = keys_total;
  figures.slots_done = view.slots_done;
  figures.slots_total = view.slots_total;
  figures.bytes_done = view.bytes_done;
  figures.bytes_total = view.bytes_total;
  figures.bytes_per_second = view.bytes_per_second;
  if (view.eta_seconds >= 0) figures.eta_seconds = view.eta_seconds;
  const bool moved = !document_.progress || document_.progress->bytes_done != figures.bytes_done ||
                     document_.progress->slots_done != figures.slots_done;
  if (moved) last_progress_ = BootClock::now();
  figures.last_progress_time = moved ? now_text() : document_.progress->last_progress_time;
  document_.progress = figures;
  if (moved) changed(false);
}

void KubeReporter::show_figures(const ClusterState& cluster) {
  RebalanceFigures figures;
  figures.name_space = resource_.name_space;
  figures.name = resource_.name;
  figures.cluster = document_.cluster_name;
  figures.state = document_.status.state;
  figures.last_progress = last_progress_;
  if (document_.progress) {
    figures.bytes_done = document_.progress->bytes_done;
    figures.bytes_total = document_.progress->bytes_total;
    figures.bytes_per_second = document_.progress->bytes_per_second;
    figures.eta_seconds = document_.progress->eta_seconds;
  }
  figures.open_slots = open_slots(cluster).size();
  figures.failures = document_.status.failure_count;
  figures.slots = slot_health(cluster);
  figures.nodes = document_.nodes;
  show_.metrics.show(std::move(figures));
}

void KubeReporter::raised(const std::vector<LimitRaise>& limits) {
  const std::scoped_lock lock(mutex_);
  if (document_.raised == limits) return;
  document_.raised = limits;
  changed(true);
}

void KubeReporter::event(const std::string& reason, const std::string& message) {
  static const std::set<std::string> kWarnings{
      "Failure",       "ClaimLost",       "PodRestarted", "TtlIgnored", "DefragNotPossible",
      "DefragStaysOn", "ColdKeysUnknown", "CannotResize", "LimitStays", "WorseThanBefore"};
  tell(kWarnings.contains(reason), reason, message);
}

void KubeReporter::summary(const Summary& summary) {
  tell(is_trouble(summary.state, summary.reason), summary.reason, summary.message);
}

// To people: as an event of the API server, and in the log.
void KubeReporter::tell(bool warning, const std::string& reason, const std::string& message) {
  show_.events.record({warning, reason, "Rebalance", message, reference_to(resource_)});
  const auto line = fmt::format("{}: {}", reason, message);
  warning ? log_warning(line) : log_info(line);
}

void KubeReporter::say(State state, std::string reason, std::string message) {
  const std::scoped_lock lock(mutex_);
  auto& status = document_.status;
  const bool urgent = status.state != state || status.reason != reason;
  if (urgent) tell(is_trouble(state, reason), reason, message);
  status.state = state;
  status.reason = std::move(reason);
  status.message = std::move(message);
  note_end();
  renew_conditions(nullptr);
  changed(urgent);
}

// The latest document, as often as the limiter allows. What could not be written is tried again.
void KubeReporter::write_all(const std::stop_token& stop) {
  constexpr Millis kAfterFailure{1000};
  const StatusTarget target{rebalance_resource(), "RedisRebalance", resource_.name_space, resource_.name,
                            resource_.uid};
  std::unique_lock lock(mutex_);
  while (condition_.wait(lock, stop, [this] { return dirty_; }) && !stop.stop_requested()) {
    const auto text = encode_status(document_);
    const bool urgent = urgent_ || ending_;
    dirty_ = urgent_ = false;
    writing_ = true;
    lock.unlock();
    const auto outcome = show_.statuses.write(target, text, urgent, stop);
    lock.lock();
    writing_ = false;
    if (const auto* later = std::get_if<StatusDeferred>(&outcome)) {
      dirty_ = true;
      condition_.wait_for(lock, stop, later->when - BootClock::now(), [this] { return urgent_ || ending_; });
    } else if (const auto* problem = std::get_if<ApiError>(&outcome)) {
      log_warning("the status was not written: " + problem->message);
      dirty_ = true;
      urgent_ = urgent_ || urgent;
      condition_.wait_for(lock, stop, kAfterFailure, [] { return false; });
    }
    condition_.notify_all();
  }
}

}  // namespace rebalance
