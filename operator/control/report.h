// What a run tells while it goes on: the seam between control/ and whatever shows it (bars, lines, JSON,
// later the API server's status). Calls come from one thread at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/status.h"
#include "base/result.h"
#include "model/world.h"

namespace rebalance {
struct ClusterState;
}

namespace rebalance {

struct PairView {
  PodName source, target;
  int slots_done = 0, slots_total = 0;
  std::int64_t keys_done = 0, keys_total = 0;  // totals are estimates
  Bytes bytes_done = 0, bytes_total = 0;
  double bytes_per_second = 0;
  double eta_seconds = -1;  // -1: not known yet
  bool running = false;
};

struct PodView {
  PodName pod;
  Bytes limit = 0, ceiling = 0;
  Bytes base = 0;  // now: max of RSS and, where readable, the cgroup's working set
  Bytes peak = 0;  // highest seen in this run
};

struct RunView {
  State state = State::kPlanning;
  std::string reason, message;
  std::vector<PairView> pairs;
  std::vector<PodView> pods;  // sorted by pod
  Bytes bytes_done = 0, bytes_total = 0;
  int slots_done = 0, slots_total = 0;
  double bytes_per_second = 0;
  double eta_seconds = -1;
};

struct Summary {
  State state = State::kSucceeded;
  std::string reason, message;
  World before, after;  // after: as verified
  Plan plan;
  int slots_moved = 0;
  std::int64_t keys_moved = 0;
  Bytes bytes_moved = 0;
  double moving_seconds = 0;  // first writing command to last agreement
  double total_seconds = 0;
  std::vector<PodView> pods;
  std::vector<FailureRecord> failures;
  std::optional<ColdCount> cold_keys;  // of the slots that were about to move
  int exit_code = 0;                   // docs/cli.md
};

// One batch that ended, whole or in part.
struct BatchReport {
  Batch batch;
  Engine engine = Engine::kKeyByKey;
  int slots = 0, skipped = 0;  // that changed hands; that were closed again
  std::int64_t keys = 0;
  Bytes bytes = 0;
  double seconds = 0;          // until the readings of both ends had settled
  std::optional<Error> error;  // kStopped: on request
};

class Reporter {
 public:
  virtual ~Reporter() = default;
  virtual void plan(const Plan& plan, const World& world) = 0;
  virtual void decided(double /*seconds*/) {}  // a plan was computed in so long
  virtual void batch_ended(const BatchReport& /*batch*/) {}
  virtual void view(const RunView& view) = 0;  // often: every 250 ms and on each change
  // After each decision: the whole record, and what it rests on. For those who show a state rather than a
  // story.
  virtual void status(const RebalanceStatus& /*status*/, const World& /*world*/,
                      const ClusterState& /*cluster*/) {}
  // Which limits are raised in place now; after each change.
  virtual void raised(const std::vector<LimitRaise>& /*limits*/) {}
  virtual void event(const std::string& reason, const std::string& message) = 0;  // transitions and incidents
  virtual void summary(const Summary& summary) = 0;
};

}  // namespace rebalance
