// When may a batch start? The model of docs/concepts.md, used alike by the planner (for every prefix) and by
// the gate (for what is about to start). Pure.
//
//   ceiling(pod) = limit x (1 - minFreePercent)      flood(pod) = limit x floodWatermarkPercent
//   after(pod)   = max(base + max(0, reserved + incoming - reusable), (used + reserved + incoming) x
//   fragmentation)
//                  + transient + fork_reserve
//
// Who receives (a target and its replicas) stays under its ceiling. Who gives may be above it, since giving
// is its relief and its RSS does not fall at once, but stays under the flood mark.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// The most that the key-by-key engine puts into one MIGRATE, unless a single key is bigger.
inline constexpr Bytes kMigratePayload = 1 * kMiB;

// What a fork (save, AOF rewrite, full sync) is expected to copy while it runs, as a share of used_memory.
// Redis saves some 100 MB a second and copies 4 KiB for each page that is written meanwhile, so a tenth
// stands for about 2,500 pages written in each second of the save. What the node's last fork really copied
// replaces it where that is more.
inline constexpr int kForkSharePercent = 10;

// Learned per node from predictions that were compared with what came; the defaults are measured on stock
// servers (jemalloc, 1 KB values: a fresh target's RSS is 1.08 x used_memory).
struct NodeFactors {
  double fragmentation = 1.08;
  double reusable_share = 0.5;  // of the gap between RSS and used_memory
  double growth = 1.0;          // measured / predicted incoming bytes
};
using Factors = std::map<NodeId, NodeFactors>;
NodeFactors factors_of(const Factors& factors, const NodeId& id);  // the defaults where nothing was learned

// Bytes on their way to, or held for, one pod.
struct Load {
  Bytes reserved = 0;               // of batches in flight
  Bytes incoming = 0;               // of the batch in question
  Bytes transient = 0;              // buffers of the engine while the batch runs
  bool full_sync_expected = false;  // a replica of it may ask for a full copy: a fork
  bool as_replica = false;          // it gets the bytes as a replica: maxmemory does not count
};

// A pod's memory at one prefix of a plan. RSS stays when slots leave; a share of what they leave can be used
// again.
struct Standing {
  Bytes used = 0;
  Bytes base = 0;
  Bytes reusable = 0;
};
Standing standing_of(const WorldNode& node, const NodeFactors& factors);
void give(Standing& standing, Bytes bytes, const NodeFactors& factors);
void receive(Standing& standing, Bytes bytes, const NodeFactors& factors);

struct Walls {
  Bytes limit, ceiling, high, flood;
};
Walls walls_of(const WorldNode& node, const HeadroomSpec& spec);  // limit 0 takes assumedLimit

// Engine buffers that INFO does not show (measured on MIGRATE of keys of 3 to 60 MB of each type, Redis 6.0
// to 8.6, Valkey 8.1 and 9.1; docs/concepts.md). The source builds each key in its own buffer and appends it
// to the command: twice the payload, and up to eight times where the allocator still holds what these buffers
// outgrew. The target holds payload and value, and once more for each stream it feeds.
Bytes source_transient(Bytes payload, bool holds_outgrown);
Bytes target_transient(Bytes payload, bool has_replicas, bool aof);

// What live copy adds at the source: its memory of which keys of a group were read (tracking), and the lists
// of WATCH. A group has at most 4,000 keys, and an entry of the tracking table is some 150 bytes beside the
// name. The copies on the target are the batch's own bytes, there while the source still has its own.
// A second group beside it needs as much again, which must fit in the batch's room for a key (runner.cpp).
inline constexpr Bytes kLiveTracking = kMiB;

// The same of an atomic migration of `bytes`. The source forks for as long as the snapshot takes, so what it
// copies goes with the bytes, not with all that it holds, and the page tables with that; writes to the slots
// wait in its buffers meanwhile, and in the target's, which also reads a string whole before it keeps it
// (measured: 2.0 x for one of 60 MB, 1.0 x for a list).
Bytes atomic_source_transient(Bytes bytes, Bytes used);
Bytes atomic_target_transient(Bytes bytes, Bytes biggest_key, bool has_replicas, bool aof);

// The biggest key that may hide in a slot, by its figures alone; 0: none of note. A slot of many small keys
// is not taken for one key.
Bytes suspected_key(Bytes slot_bytes, std::int64_t keys);

// Zero where no fork is to be expected. `arriving` is what the node will hold on top of what it uses now.
Bytes fork_reserve(const WorldNode& node, bool full_sync_expected, Bytes arriving = 0);
Bytes after(const WorldNode& node, const Load& load, const NodeFactors& factors, Bytes fork_reserve);
Bytes after(const Standing& now, const Load& load, const NodeFactors& factors, Bytes fork_reserve);

enum class Wall {
  kNone,
  kNoLimit,
  kHighWatermark,
  kCeiling,
  kMaxmemory,
  kEviction,
  kFlood,
  kNoReplicaNoPersistence
};
const char* wall_name(Wall wall);  // as in Refusal::rule

// The wall that is hit, in figures: what would be there and what may be. Cheap, unlike the sentence.
struct Verdict {
  Wall wall = Wall::kNone;
  Bytes would_be = 0;
  Bytes may_be = 0;
  bool fits() const { return wall == Wall::kNone; }
  Bytes short_bytes() const { return would_be > may_be ? would_be - may_be : 0; }
};
Verdict weigh_receiver(const WorldNode& node, const Standing& now, const Load& load,
                       const RebalanceSpec& spec, const NodeFactors& factors);
Verdict weigh_giver(const WorldNode& node, const Standing& now, Bytes transient, const RebalanceSpec& spec);
Refusal refusal_of(const Verdict& verdict, const WorldNode& node, const Load& load,
                   const RebalanceSpec& spec);

// nullopt: it may. Otherwise the wall, the pod and how many bytes are short, in a sentence with figures.
std::optional<Refusal> may_receive(const WorldNode& node, const Load& load, const RebalanceSpec& spec,
                                   const NodeFactors& factors);
std::optional<Refusal> may_give(const WorldNode& node, Bytes transient, const RebalanceSpec& spec);

// A batch that runs, and the biggest key that may travel in it.
struct InFlight {
  Batch batch;
  Bytes key_room = kMigratePayload;
};

// The whole question for one batch: target, the target's replicas, source; and, where the batch takes the
// last slot of a source that would then become a replica of the target, the source and its replicas once
// more. All that the batches `beside` it may still bring is there already, with their buffers.
std::optional<Refusal> judge(const World& world, const Batch& batch, const std::vector<InFlight>& beside,
                             const RebalanceSpec& spec, const Factors& factors);

// A key travels whole, in one MIGRATE, with its buffers beside it on both ends: the biggest key for which all
// pods of a batch have that room. Of a batch that fits it is at least kMigratePayload. MEMORY USAGE stands
// for the key's DUMP, which was smaller for every type that was measured.
Bytes room_for_key(const World& world, const Batch& batch, const std::vector<InFlight>& beside,
                   const RebalanceSpec& spec, const Factors& factors);

}  // namespace rebalance
