// One leader among several operators: client-go's leader election on one Lease.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "kube/lease_contender.h"

namespace rebalance {

// "HOST_RANDOM": one for each process.
std::string lease_identity();

class LeaderElector {
 public:
  // `client` must outlive it. `times` must pass its check().
  LeaderElector(ApiClient& client, std::string name_space, std::string name, std::string identity,
                LeaseTimes times = {}, const Surroundings& around = {});

  // Waits for the lease, then calls `lead` on a thread of its own and renews until it returns. When `stop` is
  // asked for, `lead` is asked to stop; the lease is kept while it ends, and given up after that. Ok: it was
  // never got before `stop`, or `lead` has returned. kLost: another holds the lease, or it could not be
  // renewed in time; `lead` was asked to stop and has ended. The process should end then, as client-go's
  // users do.
  Status run(const std::function<void(std::stop_token)>& lead, std::stop_token stop);

  // Thread-safe, for whoever checks before each write: hold to `now < held_until()`. The epoch: not leading.
  Instant held_until() const { return Instant(Instant::duration(held_until_.load())); }
  bool leading() const { return around_.now() < held_until(); }
  std::string holder() const;  // as last seen; empty: nobody, or not known
  int transitions() const;     // of the lease as last seen: grows with each new leader

 private:
  bool acquire(std::stop_token stop);
  Status keep(std::stop_token ended);
  LeaseTry try_once(std::stop_token stop);

  const std::string identity_;
  const LeaseTimes times_;
  const Surroundings around_;
  LeaseContender contender_;
  std::atomic<Instant::rep> held_until_{0};
  mutable std::mutex mutex_;  // of the two below
  std::string holder_;
  int transitions_ = 0;
};

}  // namespace rebalance
