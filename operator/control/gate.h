// May this executor write now? The claim is held, its last sign of life is fresh, and no pod is above its
// flood mark. Thread-safe; asked before every writing round trip.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "control/cluster_lease.h"
#include "control/sampler.h"
#include "migrate/runner.h"

namespace rebalance {

class WriteGate : public Gate {
 public:
  // A claim counts as stale for others after 15 s of silence; ours counts as lost for us well before that.
  static constexpr auto kClaimValid = std::chrono::seconds(10);

  Status may_write() override;
  Status may_clear() override;

  void claim_seen(Instant when);  // all nodes answered a claimed command
  void claim_lost(std::string why);
  void follow(const ClusterLease* lease);  // nullptr: none is needed
  // Why nothing may be written any more by this claim, ever; empty: it stands, or it is silent for a moment.
  std::string lost();
  void watch(const Sampler* sampler);  // nullptr: no memory is watched

 private:
  std::string lost_now() const;  // mutex_ held
  std::mutex mutex_;
  Instant last_seen_;
  std::string lost_ = "the cluster was never claimed";
  const ClusterLease* lease_ = nullptr;
  const Sampler* sampler_ = nullptr;
};

}  // namespace rebalance
