// A Lease of coordination.k8s.io/v1, and the rule by which one of several takes it: client-go's algorithm.
//
// Time stamps in the record are for people. Nobody compares them with a clock: whoever waits measures, on the
// local clock, how long the record has not changed. All here is pure; kube/lease_contender.h does the calls.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/result.h"

namespace rebalance {

struct LeaseTimes {
  Millis lease{15'000};           // without renewal, others may take it
  Millis renew_deadline{10'000};  // without renewal, the holder gives up
  Millis retry{2'000};            // between two tries
  // kInvalidInput: not lease > renew_deadline > 1.2 * retry.
  Status check() const;
  // Of one call: two fit into the renew deadline.
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
  Instant changed_at;               // local; when the record was first seen as it is

  void observe(LeaseObject object, Instant now);
  // The record changed no longer ago than its holder promised to renew it.
  bool valid(Instant now) const;
  bool held_by(const std::string& identity) const { return seen && seen->record.holder == identity; }
};

// The record to write, or who has it. `wall` is a MicroTime.
std::variant<LeaseRecord, LeaseHeldBy> decide_lease(const LeaseMemory& memory, const std::string& name,
                                                    const std::string& identity, const LeaseTimes& times,
                                                    Instant now, const std::string& wall);

}  // namespace rebalance
