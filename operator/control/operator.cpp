#include "control/operator.h"

#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "codec/rebalance_codec.h"
#include "control/reconciler.h"
#include "kube/leader_elector.h"
#include "telemetry/http_server.h"

namespace rebalance {
namespace {

constexpr auto kLeaseName = "redis-rebalance-operator";
constexpr Millis kFlushEvents{2'000};
constexpr Millis kFigures{5'000};
constexpr Millis kSyncing{5};  // between two looks whether the caches are full, which takes tens of ms

// What probes and metrics say, before and while this process leads.
struct Health {
  Metrics& metrics;
  std::atomic<bool> serving{false};  // caches synced, or waiting for the lease
  std::mutex mutex;                  // of why
  std::string why = "starting";

  void not_ready(std::string reason) {
    const std::scoped_lock lock(mutex);
    serving = reason.empty();
    why = std::move(reason);
  }
  HttpAnswer ready() {
    const std::scoped_lock lock(mutex);
    return serving ? HttpAnswer{200, "ok\n"} : HttpAnswer{503, why + "\n"};
  }
};

Result<std::unique_ptr<HttpServer>> serve(const std::string& address, Health& health) {
  if (address.empty()) return std::unique_ptr<HttpServer>();
  HttpServerOptions options;
  options.address = address;
  return HttpServer::start(
      options,
      {{"/healthz", [] { return HttpAnswer{200, "ok\n"}; }},
       {"/readyz", [&health] { return health.ready(); }},
       {"/metrics", [&health] { return HttpAnswer{200, health.metrics.text(), kMetricsContentType}; }}});
}

// While this process leads.
class Leading {
 public:
  Leading(ApiClient& client, const OperatorOptions& options, const std::string& identity, Health& health)
      : options_(options),
        health_(health),
        statuses_(client),
        events_(client, "redis-rebalance", identity),
        objects_(client, options.name_spaces, options.own_name_space,
                 {[this](const std::string& key) { queue_.add(key); }, [this] { hold_changed(); }}),
        reconciler_(std::make_unique<Reconciler>(RunPlace{client,
                                                          objects_,
                                                          {statuses_, events_, health.metrics},
                                                          identity,
                                                          options.allow_cold_key_deletion},
                                                 queue_, options.most_clusters)) {}
  // Runs end at their next safe point, and what they said last is sent.
  ~Leading() {
    reconciler_.reset();
    events_.flush(kFlushEvents);
  }

  void run(const std::stop_token& stop) {
    std::vector<std::jthread> workers;
    for (int i = 0; i < options_.workers; ++i) workers.emplace_back([this, stop] { work(stop); });
    prepare_schema();  // while the first lists are under way
    while (!stop.stop_requested()) {
      tell_figures();
      wait_for(stop, objects_.synced() ? kFigures : kSyncing);
    }
    queue_.shut_down();
  }

 private:
  void work(const std::stop_token& stop) {
    while (!objects_.synced() && !stop.stop_requested()) wait_for(stop, kSyncing);
    while (const auto key = queue_.get(stop)) {
      const auto began = BootClock::now();
      const auto slash = key->find('/');
      const LogFields fields({{"namespace", key->substr(0, slash)}, {"name", key->substr(slash + 1)}});
      const auto done = reconciler_->reconcile(*key, stop);
      if (done) {
        queue_.forget(*key);
      } else {
        done.error().code == ErrorCode::kConflict ? log_debug(done.error().message)
                                                  : log_warning(done.error().message);
        queue_.add_rate_limited(*key);
      }
      health_.metrics.reconciled(seconds_between(began, BootClock::now()), !done);
      queue_.done(*key);
    }
  }

  // Every resource looks again whether it may run.
  void hold_changed() {
    for (const auto& key : objects_.rebalances()) queue_.add(key);
  }

  void tell_figures() {
    health_.not_ready(objects_.synced() ? std::string()
                                        : "the caches are not synced yet; " + objects_.trouble());
    health_.metrics.held(!objects_.hold().empty());
    health_.metrics.queue_depth(queue_.in_line());
    for (const auto& [plural, heard] : objects_.last_heard())
      health_.metrics.show_watch({plural, objects_.synced(), heard});
  }

  const OperatorOptions& options_;
  Health& health_;
  WorkQueue queue_;
  StatusWriter statuses_;
  EventRecorder events_;
  ClusterObjects objects_;
  std::unique_ptr<Reconciler> reconciler_;
};

}  // namespace

Status operate(ApiClient& client, const OperatorOptions& options, Metrics& metrics, std::stop_token stop) {
  TRY_OK(options.lease_times.check());
  Health health{metrics};
  TRY(server, serve(options.metrics_address, health));
  if (server) log_info(fmt::format("probes and metrics on port {}", server->port()));
  const auto identity = lease_identity();
  const auto lead = [&](const std::stop_token& until) {
    metrics.leading(true);
    log_info("leading as " + identity);
    Leading(client, options, identity, health).run(until);
    metrics.leading(false);
  };
  if (!options.leader_elect) {
    lead(stop);
    return {};
  }
  health.not_ready({});  // one that waits for the lease is as ready as it can be
  LeaderElector elector(client, options.own_name_space, kLeaseName, identity, options.lease_times);
  return elector.run(lead, stop);
}

}  // namespace rebalance
