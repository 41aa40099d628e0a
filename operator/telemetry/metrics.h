// What the operator counts, as Prometheus text. docs/metrics.md lists every name.
//
// Thread-safe; each call is short. What is kept is bounded: the last picture of each resource until it is
// forgotten, counters of each cluster until the last resource of it is forgotten, and a few of the process.
// Bytes are int64 bytes, durations are seconds; what is not known is left out of the text.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/status.h"
#include "base/clock.h"
#include "base/quantity.h"
#include "base/result.h"
#include "model/plan.h"
#include "model/slot_health.h"
#include "plan/node_rows.h"

namespace rebalance {

// One resource and the cluster that it works on, at one moment.
struct RebalanceFigures {
  std::string name_space, name;
  std::string cluster;  // status.clusterName
  State state = State::kPlanning;
  std::optional<Instant> last_progress;  // when the last byte moved, or when moving began
  Bytes bytes_done = 0;
  std::optional<Bytes> bytes_total;  // of the plan
  double bytes_per_second = 0;
  std::optional<double> eta_seconds;
  int open_slots = 0;
  int failures = 0;
  std::optional<SlotHealth> slots;  // nothing: the cluster was not looked at yet
  std::vector<NodeRow> nodes;       // one row a pod
};

enum class BatchOutcome { kDone, kFailed, kStopped };

struct BatchFigures {
  std::string name_space, cluster;
  Engine engine = Engine::kKeyByKey;
  BatchOutcome outcome = BatchOutcome::kDone;
  int slots = 0, slots_skipped = 0;
  std::int64_t keys = 0;
  Bytes bytes = 0;
  double seconds = 0;  // from start to end
};

// A list-and-watch of one kind of object.
struct WatchFigures {
  std::string resource;  // plural
  bool up = false;       // connected, and its cache is synced
  Instant last_heard;    // an event or a bookmark
};

class Metrics {
 public:
  explicit Metrics(std::string version);
  ~Metrics();

  // Of resources. A picture replaces the one before; what it does not have any more disappears.
  void show(RebalanceFigures figures);
  void forget(const std::string& name_space, const std::string& name);
  void batch_ended(const BatchFigures& batch);
  void retried(const std::string& name_space, const std::string& cluster, ErrorCode why);
  void writes_paused(Engine engine, double seconds);
  void planned(double seconds);

  // Of the operator.
  void leading(bool leader);
  void held(bool hold);
  void queue_depth(std::size_t depth);
  void reconciled(double seconds, bool failed);
  void show_watch(const WatchFigures& watch);
  void watch_restarted(const std::string& resource);
  // `method` is HTTP's, or WATCH; `status` is HTTP's, 0 where no answer came; a watch gives no duration.
  void api_called(const std::string& method, int status, std::optional<double> seconds);

  // The text format 0.0.4, as of `now`.
  std::string text(Instant now = BootClock::now()) const;

 private:
  struct Store;
  std::unique_ptr<Store> store_;
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace rebalance
