// May this executor write now? The claim is held, its last sign of life is fresh, and no pod is above its
// flood mark. Thread-safe; asked before every writing round trip.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "control/sampler.h"
#include "migrate/runner.h"

namespace rebalance {

class WriteGate : public Gate {
 public:
  // A claim counts as stale for others after 15 s of silence; ours counts as lost for us well before that.
  static constexpr auto kClaimValid = std::chrono::seconds(10);

  Status may_write() override;

  void claim_seen(Instant when);  // all nodes answered a claimed command
  void claim_lost(std::string why);
  void watch(const Sampler* sampler);  // nullptr: no memory is watched

 private:
  std::mutex mutex_;
  Instant last_seen_{};
  std::string lost_ = "the cluster was never claimed";
  const Sampler* sampler_ = nullptr;
};

}  // namespace rebalance
