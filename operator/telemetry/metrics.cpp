#include "telemetry/metrics.h"

#include <fmt/format.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <tuple>

#include "api/conditions.h"
#include "telemetry/gauges.h"

namespace rebalance {
namespace {

using prometheus::ClientMetric;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

const Histogram::BucketBoundaries kCallSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                               0.5,   1,      2.5,   5,    10,    30,   60};
const Histogram::BucketBoundaries kPauseSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                0.1,   0.25,   0.5,   1,    2.5,   10};
const Histogram::BucketBoundaries kPlanSeconds{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30};
const Histogram::BucketBoundaries kBatchSeconds{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800};

const char* outcome_name(BatchOutcome outcome) {
  switch (outcome) {
    case BatchOutcome::kDone: return "Done";
    case BatchOutcome::kFailed: return "Failed";
    case BatchOutcome::kStopped: return "Stopped";
  }
  return "Failed";
}

const char* error_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput: return "InvalidInput";
    case ErrorCode::kRefused: return "Refused";
    case ErrorCode::kUnavailable: return "Unavailable";
    case ErrorCode::kTimeout: return "Timeout";
    case ErrorCode::kConflict: return "Conflict";
    case ErrorCode::kLost: return "Lost";
    case ErrorCode::kStopped: return "Stopped";
    case ErrorCode::kInternal: return "Internal";
  }
  return "Internal";
}

std::string method_label(const std::string& method) {
  constexpr std::array kMethods{"GET", "POST", "PUT", "PATCH", "DELETE", "WATCH"};
  return std::ranges::count(kMethods, method) > 0 ? method : "OTHER";
}

std::string code_label(int status) { return status >= 100 && status < 600 ? std::to_string(status) : "none"; }

// Families in the order in which they are named; one without samples is left out.
class Page {
 public:
  void begin(const char* name, const char* help, MetricType type = MetricType::Gauge) {
    drop_empty();
    families_.push_back({std::string("redis_rebalance_") + name, help, type, {}});
  }
  void sample(Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = metric.counter.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  void sample(Labels labels, const Histogram& histogram) {
    auto metric = histogram.Collect();
    metric.label = std::move(labels);
    families_.back().metric.push_back(std::move(metric));
  }
  std::string text() {
    drop_empty();
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  void drop_empty() {
    if (!families_.empty() && families_.back().metric.empty()) families_.pop_back();
  }
  std::vector<MetricFamily> families_;
};

struct Moved {
  double slots = 0, keys = 0, bytes = 0, batches = 0;
};

// Counters of one cluster.
struct ClusterCounters {
  std::map<std::pair<Engine, BatchOutcome>, Moved> moved;
  std::map<Engine, double> skipped;
  std::map<ErrorCode, double> retries;
};

struct Watched {
  std::optional<WatchFigures> figures;
  double restarts = 0;
};

template <class Key>
using Histograms = std::map<Key, Histogram>;

template <class Key>
void observe(Histograms<Key>& histograms, const Key& key, const Histogram::BucketBoundaries& buckets,
             double seconds) {
  histograms.try_emplace(key, buckets).first->second.Observe(seconds);
}

using ClusterKey = std::pair<std::string, std::string>;  // namespace, cluster

Labels labels_of(const ClusterKey& key) {
  return {{"cluster_namespace", key.first}, {"cluster", key.second}};
}
Labels labels_of(const RebalanceFigures& figures) {
  return {
      {"cluster_namespace", figures.name_space}, {"cluster", figures.cluster}, {"rebalance", figures.name}};
}
Labels with(Labels labels, const char* name, std::string value) {
  labels.push_back({name, std::move(value)});
  return labels;
}

}  // namespace

struct Metrics::Store {
  std::string version;
  mutable std::mutex mutex;
  std::map<std::pair<std::string, std::string>, RebalanceFigures> rebalances;  // namespace, name
  std::map<ClusterKey, ClusterCounters> clusters;
  Histograms<Engine> batch_seconds, pause_seconds;
  Histogram plan_seconds{kPlanSeconds}, reconcile_seconds{kCallSeconds};
  bool leader = false, hold = false;
  double queue_depth = 0, reconcile_errors = 0;
  std::map<std::string, Watched> watches;
  std::map<std::pair<std::string, std::string>, double> api_requests;  // method, code
  Histograms<std::string> api_seconds;

  bool names_cluster(const ClusterKey& key) const {
    return std::ranges::any_of(rebalances, [&](const auto& entry) {
      return entry.second.name_space == key.first && entry.second.cluster == key.second;
    });
  }
  void drop_unnamed_cluster(const ClusterKey& key) {
    if (!names_cluster(key)) clusters.erase(key);
  }

  void write_rebalances(Page& page, Instant now) const;
  void write_slots(Page& page) const;
  void write_pods(Page& page) const;
  void write_clusters(Page& page) const;
  void write_histograms(Page& page) const;
  void write_operator(Page& page) const;
  void write_watches(Page& page, Instant now) const;
};

void Metrics::Store::write_rebalances(Page& page, Instant now) const {
  page.begin("state", "1 for the state that it is in.");
  for (const auto& [key, figures] : rebalances)
    page.sample(with(labels_of(figures), "state", state_name(figures.state)), 1);
  for (const auto& gauge : rebalance_gauges()) {
    page.begin(gauge.name, gauge.help);
    for (const auto& [key, figures] : rebalances) {
      if (const auto value = gauge.read(figures, now)) page.sample(labels_of(figures), *value);
    }
  }
}

void Metrics::Store::write_slots(Page& page) const {
  page.begin("slots", "Of 16384: slots by the health of their owner.");
  for (const auto& [key, figures] : rebalances) {
    if (!figures.slots) continue;
    page.sample(with(labels_of(figures), "health", "ok"), figures.slots->ok);
    page.sample(with(labels_of(figures), "health", "pfail"), figures.slots->pfail);
    page.sample(with(labels_of(figures), "health", "fail"), figures.slots->fail);
  }
}

void Metrics::Store::write_pods(Page& page) const {
  for (const auto& gauge : pod_gauges()) {
    page.begin(gauge.name, gauge.help);
    for (const auto& [key, figures] : rebalances) {
      for (const auto& row : figures.nodes) {
        if (const auto value = gauge.read(row))
          page.sample(with(labels_of(figures), "redis_pod", row.pod), *value);
      }
    }
  }
}

void Metrics::Store::write_clusters(Page& page) const {
  const auto write_moved = [&](const char* name, const char* help, double Moved::* member) {
    page.begin(name, help, MetricType::Counter);
    for (const auto& [key, counters] : clusters) {
      for (const auto& [kind, moved] : counters.moved) {
        page.sample(with(with(labels_of(key), "engine", engine_name(kind.first)), "result",
                         outcome_name(kind.second)),
                    moved.*member);
      }
    }
  };
  write_moved("slots_moved_total", "Slots that changed hands.", &Moved::slots);
  write_moved("keys_moved_total", "Keys in slots that changed hands.", &Moved::keys);
  write_moved("bytes_moved_total", "Bytes of slots that changed hands.", &Moved::bytes);
  write_moved("batches_total", "Batches that ended.", &Moved::batches);
  page.begin("slots_skipped_total", "Slots that were left with their source.", MetricType::Counter);
  for (const auto& [key, counters] : clusters) {
    for (const auto& [engine, slots] : counters.skipped)
      page.sample(with(labels_of(key), "engine", engine_name(engine)), slots);
  }
  page.begin("retries_total", "Tries that followed an error.", MetricType::Counter);
  for (const auto& [key, counters] : clusters) {
    for (const auto& [code, tries] : counters.retries)
      page.sample(with(labels_of(key), "reason", error_name(code)), tries);
  }
}

void Metrics::Store::write_histograms(Page& page) const {
  page.begin("batch_seconds", "From a batch's start to its end.", MetricType::Histogram);
  for (const auto& [engine, histogram] : batch_seconds)
    page.sample({{"engine", engine_name(engine)}}, histogram);
  page.begin("write_pause_seconds", "For how long writes to a slot were held up.", MetricType::Histogram);
  for (const auto& [engine, histogram] : pause_seconds)
    page.sample({{"engine", engine_name(engine)}}, histogram);
  page.begin("plan_seconds", "How long a plan took to compute.", MetricType::Histogram);
  page.sample({}, plan_seconds);
  page.begin("reconcile_seconds", "One pass over a resource.", MetricType::Histogram);
  page.sample({}, reconcile_seconds);
  page.begin("api_request_seconds", "Calls of the Kubernetes API, watches left out.", MetricType::Histogram);
  for (const auto& [method, histogram] : api_seconds) page.sample({{"method", method}}, histogram);
}

void Metrics::Store::write_operator(Page& page) const {
  page.begin("info", "The running version.");
  page.sample({{"version", version}}, 1);
  page.begin("leader", "1: this process is the leader.");
  page.sample({}, leader);
  page.begin("hold", "1: the installation-wide hold is set.");
  page.sample({}, hold);
  page.begin("resources", "RedisRebalances by state.");
  for (const auto state : kAllStates) {
    const auto found =
        std::ranges::count_if(rebalances, [&](const auto& entry) { return entry.second.state == state; });
    page.sample({{"state", state_name(state)}}, static_cast<double>(found));
  }
  page.begin("queue_depth", "Resources that wait for a worker.");
  page.sample({}, queue_depth);
  page.begin("reconcile_errors_total", "Passes that ended with an error.", MetricType::Counter);
  page.sample({}, reconcile_errors);
  page.begin("api_requests_total", "Calls of the Kubernetes API.", MetricType::Counter);
  for (const auto& [kind, calls] : api_requests)
    page.sample({{"method", kind.first}, {"code", kind.second}}, calls);
}

void Metrics::Store::write_watches(Page& page, Instant now) const {
  page.begin("watch_up", "1: the watch is connected and its cache synced.");
  for (const auto& [resource, watch] : watches) {
    if (watch.figures) page.sample({{"resource", resource}}, watch.figures->up);
  }
  page.begin("watch_silence_seconds", "Since the server sent anything on the watch.");
  for (const auto& [resource, watch] : watches) {
    if (watch.figures)
      page.sample({{"resource", resource}}, std::max(0.0, seconds_between(watch.figures->last_heard, now)));
  }
  page.begin("watch_restarts_total", "Watches that ended and were opened again.", MetricType::Counter);
  for (const auto& [resource, watch] : watches) page.sample({{"resource", resource}}, watch.restarts);
}

Metrics::Metrics(std::string version) : store_(std::make_unique<Store>()) {
  store_->version = std::move(version);
}
Metrics::~Metrics() = default;

void Metrics::show(RebalanceFigures figures) {
  const std::scoped_lock lock(store_->mutex);
  auto& shown = store_->rebalances[{figures.name_space, figures.name}];
  const ClusterKey before{shown.name_space, shown.cluster};
  shown = std::move(figures);
  store_->drop_unnamed_cluster(before);
}

void Metrics::forget(const std::string& name_space, const std::string& name) {
  const std::scoped_lock lock(store_->mutex);
  const auto found = store_->rebalances.find({name_space, name});
  if (found == store_->rebalances.end()) return;
  const ClusterKey cluster{name_space, found->second.cluster};
  store_->rebalances.erase(found);
  store_->drop_unnamed_cluster(cluster);
}

void Metrics::batch_ended(const BatchFigures& batch) {
  const std::scoped_lock lock(store_->mutex);
  observe(store_->batch_seconds, batch.engine, kBatchSeconds, batch.seconds);
  const ClusterKey key{batch.name_space, batch.cluster};
  if (!store_->names_cluster(key)) return;  // forgotten meanwhile: it would never go again
  auto& counters = store_->clusters[key];
  auto& moved = counters.moved[{batch.engine, batch.outcome}];
  moved.slots += batch.slots;
  moved.keys += static_cast<double>(batch.keys);
  moved.bytes += static_cast<double>(batch.bytes);
  moved.batches += 1;
  if (batch.slots_skipped > 0) counters.skipped[batch.engine] += batch.slots_skipped;
}

void Metrics::retried(const std::string& name_space, const std::string& cluster, ErrorCode why) {
  const std::scoped_lock lock(store_->mutex);
  const ClusterKey key{name_space, cluster};
  if (store_->names_cluster(key)) store_->clusters[key].retries[why] += 1;
}

void Metrics::writes_paused(Engine engine, double seconds) {
  const std::scoped_lock lock(store_->mutex);
  observe(store_->pause_seconds, engine, kPauseSeconds, seconds);
}

void Metrics::planned(double seconds) {
  const std::scoped_lock lock(store_->mutex);
  store_->plan_seconds.Observe(seconds);
}

void Metrics::leading(bool leader) {
  const std::scoped_lock lock(store_->mutex);
  store_->leader = leader;
}

void Metrics::held(bool hold) {
  const std::scoped_lock lock(store_->mutex);
  store_->hold = hold;
}

void Metrics::queue_depth(std::size_t depth) {
  const std::scoped_lock lock(store_->mutex);
  store_->queue_depth = static_cast<double>(depth);
}

void Metrics::reconciled(double seconds, bool failed) {
  const std::scoped_lock lock(store_->mutex);
  store_->reconcile_seconds.Observe(seconds);
  store_->reconcile_errors += failed;
}

void Metrics::show_watch(const WatchFigures& watch) {
  const std::scoped_lock lock(store_->mutex);
  store_->watches[watch.resource].figures = watch;
}

void Metrics::watch_restarted(const std::string& resource) {
  const std::scoped_lock lock(store_->mutex);
  store_->watches[resource].restarts += 1;
}

void Metrics::api_called(const std::string& method, int status, std::optional<double> seconds) {
  const std::scoped_lock lock(store_->mutex);
  store_->api_requests[{method_label(method), code_label(status)}] += 1;
  if (seconds) observe(store_->api_seconds, method_label(method), kCallSeconds, *seconds);
}

std::string Metrics::text(Instant now) const {
  Page page;
  {
    const std::scoped_lock lock(store_->mutex);
    store_->write_rebalances(page, now);
    store_->write_slots(page);
    store_->write_pods(page);
    store_->write_clusters(page);
    store_->write_histograms(page);
    store_->write_operator(page);
    store_->write_watches(page, now);
  }
  return page.text();  // the longer part: nobody who counts waits for it
}

}  // namespace rebalance
