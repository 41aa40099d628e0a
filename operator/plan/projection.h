// The pods' memory as a plan goes on: the model of headroom.h, carried from one prefix to the next.
//
// Nodes are indices into World::nodes. The world, the spec and the factors must outlive it.
#pragma once

#include <optional>
#include <vector>

#include "plan/headroom.h"

namespace rebalance {

// One batch, as the memory model sees it.
struct Transfer {
  int source = -1;
  int target = -1;
  int slots = 0;
  Bytes bytes = 0;
  Bytes payload = kMigratePayload;  // the most that one MIGRATE carries
  Engine engine = Engine::kKeyByKey;
  Bytes biggest_key = 0;  // suspected in one of the slots; counts where the engine does not size keys

  void add_slot(const SlotSizes& sizes, Slot slot);  // bytes and biggest_key
};

// Where a transfer does not fit, and why.
struct Obstacle {
  int node = -1;
  Verdict verdict;
  Load load;
};

// One node at the prefix reached so far.
struct Seat {
  const WorldNode* node = nullptr;
  NodeFactors factors;
  Standing now;
  std::vector<int> replicas;   // of a primary; grows when an emptied primary joins
  bool safe_receiver = false;  // a replica in sync or persistence
  bool receives = false;       // in a transfer so far, as a target or as a replica
  int slots = 0;
  Bytes reserved = 0;  // for transfers in flight
  Bytes peak = 0;
  int peak_batch = -1;
  Bytes fork_reserve = 0;
  Bytes need_limit = 0;      // the limit that everything so far asked for
  Bytes need_maxmemory = 0;  // the same of maxmemory; 0: no receiver or none set
};

class Projection {
 public:
  Projection(const World& world, const RebalanceSpec& spec, const Factors& factors);
  Projection(const World& world, RebalanceSpec&& spec, const Factors& factors) = delete;  // it would be gone

  // Takes the transfer for one in flight: what it may bring, and its buffers, are held for it.
  void reserve(const Transfer& transfer);
  int index_of(const NodeId& id) const;  // -1: unknown
  std::optional<Transfer> transfer_of(const Batch& batch) const;
  Engine engine_of(const Transfer& transfer) const;

  // nullopt: the transfer fits now.
  std::optional<Obstacle> check(const Transfer& transfer) const;
  // Takes the transfer, fits it or not, and notes peaks under this index.
  void apply(const Transfer& transfer, int batch_index);

  Refusal explain(const Obstacle& obstacle) const;
  const std::vector<Seat>& seats() const { return seats_; }

 private:
  // Who receives in this transfer, in which standing and with which load.
  struct Receiver {
    int node = -1;
    Standing now;
    Load load;
  };
  // Calls visit for the target, its replicas and those who join them, until it gives false.
  template <typename Visit>
  void each_receiver(const Transfer& transfer, Visit visit) const;
  bool joins_target(const Transfer& transfer) const;
  Bytes sending(const Transfer& transfer) const;                                 // transient of the source
  Bytes receiving(const Transfer& transfer, bool has_replicas, bool aof) const;  // of whoever receives
  void note_peak(int node, Bytes peak, int batch_index);
  void note_receiver(const Receiver& receiver, int batch_index);
  void join(const Transfer& transfer);

  const World& world_;
  const RebalanceSpec& spec_;
  std::vector<Seat> seats_;
};

}  // namespace rebalance
