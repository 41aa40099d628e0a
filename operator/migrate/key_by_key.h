// Moves a group of slots with SETSLOT and MIGRATE, keys in chunks bounded by bytes: the way every version
// knows.
//
// One path for a fresh group, a resumed one and one whose last command's outcome is unknown: look at both
// nodes first, then do what is missing. Order matters (redis.io, CLUSTER SETSLOT): the target opens first, so
// that ASK finds a door; the target owns first, so that the slot always has an owner. Ownership is given only
// when the source has been seen empty, primary and still MIGRATING in one transaction: a node that learns
// that it lost a slot deletes what it still holds of it.
//
// A slot is opened only when the target holds no key of it, and only when no key seen in it would stall the
// source too long or has no room in memory while it travels. One that is found too big only afterwards closes
// the slot again; if keys of the slot are on the target by then it moves all the same, unless its stall alone
// could end in a failover. Without REPLACE first. A key that is on both sides is overwritten on the target
// when both DUMPs are equal, or when it must be our own copy: `proven` (opened by us in this very life of the
// source); else the group stops.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "migrate/engine.h"
#include "migrate/pace.h"

namespace rebalance {

// One node as the engine needs it.
struct PairNode {
  NodeId id;
  std::string name;           // for sentences: the pod
  std::string run_id;         // at the connect that the group starts with
  bool tells_expiry = false;  // it knows PEXPIRETIME
};

// What the source needs to reach the target; `port` is that of the transport that tls-cluster asks for.
struct MigrateAddress {
  std::string host;
  int port = 6379;
  std::string user, password;  // go as AUTH / AUTH2, never into a sentence
};

struct GroupJob {
  PairNode source, target;
  MigrateAddress address;
  SlotSet slots;
  SlotSet adopted;  // may be open already; any other slot that is found open is somebody else's, and the
                    // group stops
  SlotSet proven;   // adopted slots that the journal proves to be opened by us in this life of the source
  Millis node_timeout{15000};
  int attempts = 6;
  // The biggest keys of slots with too many to be listed at once, of what could stall the source.
  std::map<Slot, Bytes> biggest;
  Bytes key_room = INT64_MAX;  // a bigger key has no room for its buffers on one of the pods
};

// `pace` is what the pair's keys taught so far; it must outlive the engine.
std::unique_ptr<GroupEngine> make_key_by_key(GroupJob job, Pace& pace);

}  // namespace rebalance
