#include "control/kube_reporter.h"

#include <fmt/format.h>

#include "api/conditions.h"
#include "base/log.h"
#include "control/observer.h"
#include "model/slot_health.h"
#include "plan/node_rows.h"
#include "reconcile/decide.h"

namespace rebalance {
namespace {

constexpr Millis kLastWord{10'000};

std::string now_text() { return rfc3339(std::chrono::system_clock::now()); }

// What the selector asks for, without its keys: "redis-cluster", or "shop/redis" of two labels.
std::string cluster_name(const ClusterSpec& cluster) {
  std::string name;
  for (const auto& [key, value] : cluster.match_labels) name += (name.empty() ? "" : "/") + value;
  return name;
}

bool is_trouble(State state) {
  return state == State::kFailed || state == State::kRefused || state == State::kPlanStale;
}

}  // namespace

ApiResource rebalance_resource() { return {"redisrebalance.io", "v1alpha1", "redisrebalances"}; }

ObjectRef reference_to(const RedisRebalance& resource) {
  return {kGroupVersion, "RedisRebalance", resource.name_space, resource.name, resource.uid};
}

KubeReporter::KubeReporter(KubeShow show, const RedisRebalance& resource, StatusDocument before)
    : show_(show), resource_(resource), document_(std::move(before)) {
  document_.observed_generation = resource_.generation;
  document_.cluster_name = cluster_name(resource_.spec.cluster);
  thread_ = std::jthread([this](const std::stop_token& stop) { write_all(stop); });
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
  dirty_ = true;
  urgent_ = urgent_ || urgent;
  condition_.notify_all();
}

void KubeReporter::renew_conditions(const std::vector<Finding>* findings) {
  document_.conditions = conditions_of(
      document_.status, {resource_.spec, resource_.generation, findings, now_text()}, document_.conditions);
}

void KubeReporter::plan(const Plan& plan, const World& /*world*/) {
  event("PlanMade", fmt::format("plan {}: {} slots, {} in {} batches", plan.hash, plan.slots,
                                human_bytes(plan.bytes), plan.batches.size()));
}

void KubeReporter::status(const RebalanceStatus& status, const World& world, const ClusterState& cluster) {
  const std::scoped_lock lock(mutex_);
  const auto& old = document_.status;
  const bool urgent =
      status.state != old.state || status.reason != old.reason || status.failure_count != old.failure_count;
  document_.status = status;
  document_.nodes = node_rows(world, status.plan, resource_.spec.headroom, peaks_);
  renew_conditions(&world.findings);
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

void KubeReporter::event(const std::string& reason, const std::string& message) {
  const bool warning = reason == "Failure" || reason == "ClaimLost" || reason == "PodRestarted";
  show_.events.record({warning, reason, "Rebalance", message, reference_to(resource_)});
}

void KubeReporter::summary(const Summary& summary) {
  show_.events.record(
      {is_trouble(summary.state), summary.reason, "Rebalance", summary.message, reference_to(resource_)});
}

void KubeReporter::say(State state, std::string reason, std::string message) {
  const std::scoped_lock lock(mutex_);
  auto& status = document_.status;
  const bool urgent = status.state != state || status.reason != reason;
  if (urgent) show_.events.record({is_trouble(state), reason, "Rebalance", message, reference_to(resource_)});
  status.state = state;
  status.reason = std::move(reason);
  status.message = std::move(message);
  renew_conditions(nullptr);
  changed(urgent);
}

// The latest document, as often as the limiter allows. What could not be written is tried again.
void KubeReporter::write_all(const std::stop_token& stop) {
  constexpr Millis kAfterFailure{1000};
  const StatusTarget target{rebalance_resource(), "RedisRebalance", resource_.name_space, resource_.name,
                            resource_.uid};
  std::unique_lock lock(mutex_);
  while (condition_.wait(lock, stop, [this] { return dirty_; })) {
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
      log_warning(fmt::format("the status of {}/{} was not written: {}", resource_.name_space, resource_.name,
                              problem->message));
      dirty_ = true;
      urgent_ = urgent_ || urgent;
      condition_.wait_for(lock, stop, kAfterFailure, [] { return false; });
    }
    condition_.notify_all();
  }
}

}  // namespace rebalance
