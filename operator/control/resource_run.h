// One run of a controller over one RedisRebalance of the API server, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "control/cluster_objects.h"
#include "control/kube_reporter.h"

namespace rebalance {

// What runs share. All must outlive them.
struct RunPlace {
  ApiClient& client;
  ClusterObjects& objects;
  KubeShow show;
  std::string identity;  // of this process, for leases
  bool allow_cold_key_deletion = false;
};

struct RunOutcome {
  State state = State::kWaiting;
  std::string reason;
  bool nothing_open = true;
  bool limits_raised = false;  // only that is open, or it is not known what is
  bool told = true;            // the status says so, as far as is known
};

class ResourceRun {
 public:
  // `close_only`: finishes what is open in the journal, starts nothing. `ended` is called once, from the
  // run's thread, as its last act but its end.
  ResourceRun(RunPlace place, StoredRebalance object, bool close_only, std::function<void()> ended);

  void stop() { thread_.request_stop(); }
  bool active() const { return active_; }
  // After it has ended.
  const RunOutcome& outcome() const { return outcome_; }
  const StoredRebalance& object() const { return object_; }
  bool close_only() const { return close_only_; }

 private:
  void work(const std::stop_token& stop);
  void show_raised(const std::vector<LimitRaise>& limits);
  Result<RunOutcome> control(KubeReporter& reporter, const std::stop_token& stop);

  RunPlace place_;
  const StoredRebalance object_;
  const bool close_only_;
  std::function<void()> ended_;
  RunOutcome outcome_;
  std::atomic<bool> active_{true};
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
