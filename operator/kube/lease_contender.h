// One process that wants one Lease: acquires, renews, gives up.
//
// A lease does not fence: a process that slept may wake up and write. So whoever holds one asks before each
// write whether it still does (held_until).
#pragma once

#include <stop_token>
#include <string>
#include <variant>

#include "kube/api_client.h"
#include "kube/lease.h"
#include "kube/surroundings.h"

namespace rebalance {

// One Lease on the API server. Calls go the leases' own way (Lane::kLease).
class LeaseLock {
 public:
  LeaseLock(ApiClient& client, std::string name_space, std::string name, Millis deadline);

  const std::string& name() const { return name_; }
  ApiResult<LeaseObject> get(std::stop_token stop) const;
  ApiResult<LeaseObject> create(const LeaseRecord& record, std::stop_token stop) const;
  ApiResult<LeaseObject> update(const LeaseObject& known, const LeaseRecord& record,
                                std::stop_token stop) const;

 private:
  ApiResult<LeaseObject> send(HttpRequest request, std::stop_token stop) const;
  ApiClient* client_;
  std::string name_space_, name_;
  Millis deadline_;
};

struct LeaseHeld {};
struct LeaseFree {};
using LeaseTry = std::variant<LeaseHeld, LeaseHeldBy, ApiError>;
using LeaseLook = std::variant<LeaseFree, LeaseHeldBy, ApiError>;

// One process that wants one lease. Not thread-safe.
class LeaseContender {
 public:
  LeaseContender(LeaseLock lock, std::string identity, LeaseTimes times, Surroundings around);

  // Acquires, or renews what it has. A holder first writes over what it remembers, and reads only if that
  // fails. If it then finds that somebody else had the lease meanwhile, that is told once, also when the
  // lease is free again: what it guards must be looked at anew.
  LeaseTry try_acquire_or_renew(std::stop_token stop);

  // Reads alone, which starts the clock of a lease that somebody else holds. Free: we may write it now, also
  // because we have it.
  LeaseLook look(std::stop_token stop);

  // Gives it up at once, if it is held. Only when everything that it guards has ended.
  void release(std::stop_token stop);

  // Until when the last renewal lets the holder act: counted from before it was sent. The epoch: not held.
  Instant held_until() const { return held_until_; }
  const LeaseMemory& memory() const { return memory_; }
  const std::string& name() const { return lock_.name(); }

 private:
  std::optional<ApiError> read(std::stop_token stop);
  std::variant<LeaseRecord, LeaseHeldBy> decide() const;
  LeaseTry write(const LeaseRecord& record, std::stop_token stop);
  LeaseTry lose(LeaseHeldBy other);
  bool lost_it() const;

  LeaseLock lock_;
  std::string identity_;
  LeaseTimes times_;
  Surroundings around_;
  LeaseMemory memory_;
  bool holding_ = false;  // our last write stands, as far as we know
  Instant held_until_;
};

}  // namespace rebalance
