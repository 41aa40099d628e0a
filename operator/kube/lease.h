// A Lease of coordination.k8s.io/v1, and the rule by which one of several takes it: client-go's algorithm.
//
// Time stamps in the record are for people. Nobody compares them with a clock: whoever waits measures, on the
// local clock, how long the record has not changed. A lease does not fence: a process that slept may wake up
// and write, so whoever holds one asks before each write whether it still does (held_until).
#pragma once

#include <algorithm>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "kube/api_client.h"
#include "kube/surroundings.h"

namespace rebalance {

struct LeaseTimes {
  Millis lease{15'000};           // without renewal, others may take it
  Millis renew_deadline{10'000};  // without renewal, the holder gives up
  Millis retry{2'000};            // between two tries
  // kInvalidInput: not lease > renew_deadline > 1.2 * retry.
  Status check() const;
  Millis call_deadline() const { return std::max(renew_deadline / 2, Millis(1000)); }
};

struct LeaseRecord {
  std::string holder;  // holderIdentity; empty: nobody
  int duration_s = 0;
  std::string acquired, renewed;  // MicroTime
  int transitions = 0;            // changes of the holder: grows with each
};

struct LeaseObject {
  LeaseRecord record;
  std::string spec;  // its text in one form: equal texts are equal records
  std::string text;  // the whole object as the server sent it, with its resource version
};

// kInvalidInput: not a Lease.
Result<LeaseObject> decode_lease(const std::string& text);
std::string new_lease(const std::string& name_space, const std::string& name, const LeaseRecord& record);
// `known` with another record; all else stays, also what newer versions put into the spec.
std::string changed_lease(const LeaseObject& known, const LeaseRecord& record);

struct LeaseHeldBy {
  std::string lease;                   // its name
  std::string holder, since, renewed;  // no holder: it was taken from us and given up since
  Millis unchanged{};                  // as measured here
  // "held by a_1 since 2026-08-01T10:00:00.000000Z (lease x)"
  std::string text() const;
};

// What a candidate remembers of one lease. Pure.
struct LeaseMemory {
  std::optional<LeaseObject> seen;  // nullopt: there is none
  Instant changed_at{};             // local; when the record was first seen as it is

  void observe(LeaseObject object, Instant now);
  bool held_by(const std::string& identity) const { return seen && seen->record.holder == identity; }
};

// The record to write, or who has it. `wall` is a MicroTime.
std::variant<LeaseRecord, LeaseHeldBy> decide_lease(const LeaseMemory& memory, const std::string& name,
                                                    const std::string& identity, const LeaseTimes& times,
                                                    Instant now, const std::string& wall);

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
  Instant held_until_{};
};

}  // namespace rebalance
