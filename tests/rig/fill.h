// Fills a cluster with data of mixed types and sizes, fast and the same for the same seed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "rig/topology.h"

namespace rig {

struct FillOptions {
  uint64_t seed = 1;
  int64_t keys = 10'000;
  int64_t min_value_bytes = 10;  // of all that a key holds; spread evenly in the logarithm
  int64_t max_value_bytes = 4'000;
  bool mixed_types = true;    // hashes, lists, sets, sorted sets and streams with a group beside the strings
  int64_t hash_fields = 0;    // above 0: hashes of so many fields, and nothing else
  double ttl_share = 0.1;     // with a time to live of one to two hours
  double tag_share = 0.1;     // with one of 500 hash tags
  double binary_share = 0.1;  // with zeros, line ends and high bytes in the name
  std::string prefix = "key:";
  std::function<bool(int slot)> only_slots = {};  // keys of other slots are left out
};

struct Filled {
  int64_t keys = 0;
  int64_t value_bytes = 0;
};

// With one pipelined connection for each primary. Throws on the first error reply.
Filled fill(const Endpoint& seed, const FillOptions& options = {});

// One key of `bytes` in all: a hash of fields of 1000 bytes each.
void write_big_hash(const Endpoint& seed, const std::string& key, int64_t bytes);

}  // namespace rig
