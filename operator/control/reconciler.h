// Brings the runs of this process in line with what the API server says, one RedisRebalance at a time.
// Thread-safe; one worker at a time reconciles a key (kube/work_queue.h).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "control/resource_run.h"
#include "control/supervise.h"
#include "kube/own_writes.h"
#include "kube/work_queue.h"

namespace rebalance {

class Reconciler {
 public:
  // `queue` is asked to bring a key back when its run has ended or its pause is over.
  Reconciler(RunPlace place, WorkQueue& queue, int most_clusters)
      : place_(std::move(place)), queue_(queue), most_clusters_(most_clusters) {}
  ~Reconciler();  // stops all runs and waits for them

  // An error: it should be tried again after a while.
  Status reconcile(const std::string& key, std::stop_token stop);

 private:
  // What is known here of one key.
  struct Entry {
    std::unique_ptr<ResourceRun> run;  // active, or the last one
    bool stopping = false;
    int failures = 0;  // runs in a row that ended without a result
    int closings = 0;
    std::optional<Instant> not_before;
  };
  LocalRun local_run(Entry& entry);
  KnownObject known(const StoredRebalance* object, const Entry& entry) const;
  Installation installation();
  Status obey(const RunOrder& order, const std::string& key, const StoredRebalance& object,
              std::stop_token stop);
  Status start(const std::string& key, const StoredRebalance& object, bool close_only, std::stop_token stop);
  void settle(const std::string& key, Entry& entry);
  Status set_finalizer(const StoredRebalance& object, bool there, std::stop_token stop);
  Status delete_finished(const StoredRebalance& object, std::stop_token stop);

  RunPlace place_;
  WorkQueue& queue_;
  const int most_clusters_;
  std::mutex mutex_;  // of the two below; a run's own members are its own business
  std::map<std::string, Entry> entries_;
  OwnWrites writes_;
};

}  // namespace rebalance
