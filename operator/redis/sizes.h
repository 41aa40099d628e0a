// How many bytes each slot holds, and which keys are big. Read only; no command of these blocks a server for
// 5 ms.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "redis/connection.h"

namespace rebalance {

struct SizeOptions {
  int sampled_keys =
      100'000;  // MEMORY USAGE asked for at most about so many keys (3 to 5 us each on the server)
};

// Bytes and keys of the slots that `node` owns, and what their commands take where it counts that
// (slot_cpu.h); all others stay 0.
//
// Redis >= 8.4 with cluster-slot-stats-enabled counts bytes itself (CLUSTER SLOT-STATS memory-bytes): exact,
// and used if the sum is believable beside the dataset. Everywhere else: COUNTKEYSINSLOT of each slot times
// the mean of a sample of MEMORY USAGE in it. Half of the sample is spread evenly, the other half goes where
// keys times deviation is largest (Neyman); a node with no more keys than the sample is measured key by key.
// The sum is then made what the server itself counts (MEMORY STATS: dataset and hash tables), where that is
// permitted and big enough to tell, since MEMORY USAGE leaves out a key's places in the indexes.
// error_percent is one standard error of the node's sum by the sample, or the gap to the server's own count
// if that is larger than overheads are.
//
// GETKEYSINSLOT costs O(n) and always gives the first n keys: at most 400 are listed of a slot, however many
// it holds (0.4 ms), and the sample is taken evenly from those.
Result<SlotSizes> measure_slots(Connection& connection, const NodeState& node,
                                const SizeOptions& options = {});

struct BigKey {
  std::string key;  // may hold any byte
  std::string type;
  Bytes bytes = 0;  // MEMORY USAGE
  Slot slot = 0;
};

// Every key of `slots` (owned by the server) with at least `threshold` bytes, largest first. Slots of up to
// 1,000 keys are listed with GETKEYSINSLOT (under 1 ms); if there are larger ones, one SCAN over the node
// finds theirs. MEMORY USAGE looks at 64 elements of a collection (all elements, SAMPLES 0, can take 10 ms
// and more), so the bytes of a collection whose elements differ much are an estimate.
Result<std::vector<BigKey>> find_big_keys(Connection& connection, const SlotSet& slots, Bytes threshold);

}  // namespace rebalance
