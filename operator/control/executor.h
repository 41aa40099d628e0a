// The batches that run: a thread each, their progress, and how they ended.
//
// Thread-safe. A batch counts as running until the readings of its two ends have settled, so that what is
// decided next rests on steady numbers, and its end was taken, so that nobody starts what is left of it
// before.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "control/bell.h"
#include "migrate/runner.h"
#include "reconcile/decide.h"

namespace rebalance {

struct FinishedBatch {
  BatchEnd end;
  BatchResult result;
  double seconds = 0;  // until the readings had settled
};

class Executor : public ProgressSink {
 public:
  // `hooks.progress` is the executor's own business; the other members must outlive it.
  Executor(Gate& gate, IntentLog& intents, Bell& bell) : gate_(gate), intents_(intents), bell_(bell) {}
  ~Executor() override;  // stops at the next safe point and waits

  // `first` is called in the batch's thread, before it.
  void start(BatchJob job, std::function<void(std::stop_token)> first = {});
  void stop_all();
  std::vector<Batch> running() const;
  std::vector<FinishedBatch> take_finished();
  std::vector<PairProgress> progress_of_running() const;
  // Percent of the time that engines may use, also of those that run.
  void set_speed(int percent) { speed_ = percent; }
  Hooks hooks() { return {gate_, intents_, ownership_, *this, &speed_}; }

  void progress(const PairProgress& progress) override;

 private:
  struct Run {
    Batch batch;
    PairProgress progress;
    bool alone = true;  // no other batch to the same target ran meanwhile
    std::jthread thread;
  };
  void work(const BatchJob& job, std::stop_token stop);

  Gate& gate_;
  IntentLog& intents_;
  Bell& bell_;
  Ownership ownership_;
  std::atomic<int> speed_{100};
  mutable std::mutex mutex_;
  std::map<int, Run> runs_;            // by Batch::index
  std::vector<std::jthread> leaving_;  // threads that have told their end
  std::vector<FinishedBatch> finished_;
};

}  // namespace rebalance
