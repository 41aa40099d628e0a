// Who works on a Redis cluster: one Lease for each node id, in the pods' namespace, all or none. Two
// RedisRebalances of one cluster meet here, in one operator or two.
//
// It saves the fight, it does not fence: the claim on the servers (redis/claim.h) does.
#pragma once

#include <atomic>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "kube/lease_contender.h"

namespace rebalance {

// "redis-rebalance-node-ID"
std::string claim_lease_name(const std::string& node_id);

// Thread-safe.
class ClaimLeases {
 public:
  // `holder` says to others who has it: the process and its RedisRebalance, one for each such pair. `client`
  // must outlive it.
  ClaimLeases(ApiClient& client, const std::string& name_space, std::vector<std::string> node_ids,
              const std::string& holder, LeaseTimes times = {}, const Surroundings& around = {});

  // One try, to be repeated until it is held. It first looks at all leases, so that all their clocks run at
  // once, then takes them in sorted order; whoever comes second stops at the first. Held: all. Held by
  // another, or an error: none; what was taken in this try is given back.
  LeaseTry acquire(std::stop_token stop);

  // To be called each `retry` period. Held: all were renewed. Held by another: it is lost. An error: some
  // were not renewed, and held_until() says how long that may go on.
  LeaseTry renew(std::stop_token stop);

  // Gives all up. Only when what they guard has ended.
  void release();

  // The earliest of all leases; the epoch: not all are held. Hold to `now < held_until()` before each write.
  Instant held_until() const { return Instant(Instant::duration(held_until_.load())); }

 private:
  LeaseTry take_all(std::stop_token stop);
  void give_back();
  void publish();

  std::mutex mutex_;                        // of the contenders
  std::vector<LeaseContender> contenders_;  // sorted by name
  std::atomic<Instant::rep> held_until_{0};
};

}  // namespace rebalance
