// What all keys of a cluster hold, to be compared before and after a move.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "rig/topology.h"

namespace rig {

struct KeyDigest {
  std::string type;
  uint64_t content = 0;     // a hash of it
  int64_t expires_at = -1;  // Unix time in milliseconds; -1: never
};

struct ClusterDigest {
  std::unordered_map<std::string, KeyDigest> keys;
  int64_t taken_at = 0;  // server time, Unix milliseconds
  int64_t expiry_error =
      0;  // milliseconds by which expires_at may be off (servers before 7.0 tell only what is left)
  int64_t misplaced = 0;  // keys on a node that does not own their slot
};

// Strings and streams by their DUMP. Other types by their sorted elements, with the expiry of hash fields:
// the order inside a hash table, and so its DUMP, is each process's own.
ClusterDigest digest(const Endpoint& seed);

struct Difference {
  int64_t lost = 0;  // not counting what expired in between
  int64_t appeared = 0;
  int64_t changed = 0;
  int64_t expiry_changed = 0;
  std::string examples;  // for the message of a failed test

  bool none() const { return lost + appeared + changed + expiry_changed == 0; }
};

// `expiry_tolerance`: MIGRATE sends the time that is left, not the time of the end, so that a key's expiry
// comes out later by the milliseconds that it was on its way.
Difference compare(const ClusterDigest& before, const ClusterDigest& after,
                   Milliseconds expiry_tolerance = Milliseconds(0));

}  // namespace rig
