// The leases of a cluster's nodes on the API server, renewed as long as this lives. See kube/claim_leases.h.
#pragma once

#include <memory>
#include <mutex>
#include <thread>

#include "control/cluster_lease.h"
#include "kube/claim_leases.h"

namespace rebalance {

class KubeLease : public ClusterLease {
 public:
  // `holder`: the process and its RedisRebalance, for whoever has to wait. `client` must outlive it.
  KubeLease(ApiClient& client, std::string name_space, std::string holder, LeaseTimes times = {});
  ~KubeLease() override;  // gives them up: only when what they guard has ended

  Status acquire(const std::vector<NodeId>& nodes) override;
  void release() override;
  Instant held_until() const override;

 private:
  void keep(const std::stop_token& stop);

  ApiClient& client_;
  const std::string name_space_, holder_;
  const LeaseTimes times_;
  mutable std::mutex mutex_;  // of the pointer; what it points to is thread-safe
  std::shared_ptr<ClaimLeases> leases_;
  std::vector<NodeId> nodes_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
