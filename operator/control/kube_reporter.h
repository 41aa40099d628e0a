// Shows a run in the status of its RedisRebalance, as events, and as metrics. A thread of its own writes, so
// that a slow API server holds up nothing.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "codec/status_codec.h"
#include "control/report.h"
#include "kube/event_recorder.h"
#include "kube/status_writer.h"
#include "telemetry/metrics.h"

namespace rebalance {

// Where a run is told, and of what. All must outlive the reporter.
struct KubeShow {
  StatusWriter& statuses;
  EventRecorder& events;
  Metrics& metrics;
};

class KubeReporter : public Reporter {
 public:
  // `before`: the status that an earlier process left; its conditions keep their times. `events_only`: it
  // stays as it is, since it says how the work ended.
  KubeReporter(KubeShow show, RedisRebalance resource, StatusDocument before, bool events_only = false);
  ~KubeReporter() override;  // finish()

  void plan(const Plan& plan, const World& world) override;
  void decided(double seconds) override;
  void batch_ended(const BatchReport& batch) override;
  void view(const RunView& view) override;
  void status(const RebalanceStatus& status, const World& world, const ClusterState& cluster) override;
  void raised(const std::vector<LimitRaise>& limits) override;
  void event(const std::string& reason, const std::string& message) override;
  void summary(const Summary& summary) override;

  // Waits until the last status is written, at most ten seconds; whether it is.
  bool finish();

  // A status without a run: the spec cannot be used, there is no pod, it has to wait.
  void say(State state, std::string reason, std::string message);

 private:
  void tell(bool warning, const std::string& reason, const std::string& message);
  void changed(bool urgent);  // mutex_ held
  void note_end();            // mutex_ held
  void renew_conditions(const World* world);
  void write_all(const std::stop_token& stop);
  void show_figures(const ClusterState& cluster);

  KubeShow show_;
  const RedisRebalance resource_;
  const bool events_only_;
  std::mutex mutex_;  // of all below but the thread
  std::condition_variable_any condition_;
  StatusDocument document_;
  std::map<PodName, Bytes> peaks_;
  std::optional<Instant> last_progress_;
  Instant last_word_until_;
  bool dirty_ = false, writing_ = false, urgent_ = false, ending_ = false;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
