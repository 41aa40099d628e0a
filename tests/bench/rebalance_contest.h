// One run of a tool that spreads the slots of some primaries over empty ones, with clients at work meanwhile.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rig/cluster.h"
#include "rig/writer.h"

namespace rebalance {

enum class Tool {
  kOurs,
  kRedisCli,  // of the servers' own version
  kByHand,    // the servers' commands for atomic migration, typed
};

struct Contestant {
  std::string name;
  std::string settings;  // as the table prints them
  Tool tool = Tool::kOurs;
  std::string goal, spec;          // ours: lines of spec.goal and of spec
  double wanted = 1;               // ours: times as many keys a second as redis-cli with its defaults
  double wait = 1;                 // ours: times the clients' p99.9 with redis-cli at most
  double of_by_hand = 0;           // ours: times as many keys a second as by hand; 0: not compared
  std::vector<std::string> words;  // redis-cli: options added to those that every row has
};

struct Workload {
  rig::ServerVersion version;
  std::string program = PROGRAM;  // ours
  std::int64_t keys = 200'000;
  std::int64_t value_bytes = 1024;
  std::int64_t hash_fields =
      0;  // above 0: each key is a hash of so many fields, which have value_bytes together
  int primaries = 3, empty_primaries = 1;
  int replicas = 0;  // of each primary
  // Writes of all clients together, open loop. Each client has one command on its way at most: enough of them
  // that none is late only because of its own command before.
  double operations_per_second = 1000;
  int clients = 16;
};

struct Measured {
  std::string name;
  int slots = 0;
  std::int64_t keys = 0;      // that the new primaries hold afterwards, clients' own included
  double moving_seconds = 0;  // ours: its own word, first writing command to last agreement. redis-cli: from
                              // its first slot on, to its end
  double total_seconds = 0;   // of the process
  double cpu_seconds = 0;     // user and system
  std::int64_t peak_bytes = 0;  // resident memory of the process
  rig::WriterReport clients;    // percentiles while slots moved; not before, not after
  std::int64_t lost = 0;        // acknowledged writes

  double keys_per_second() const { return static_cast<double>(keys) / moving_seconds; }
};

// On a cluster of its own, filled afresh with the same data; gone afterwards. Throws when the tool fails or
// leaves the cluster other than `redis-cli --cluster check` wants it.
Measured compete(const Contestant& contestant, const Workload& workload);

}  // namespace rebalance
