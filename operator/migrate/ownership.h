// Whose turn it is to take slots in a cluster: one node at a time, because config epochs are raised by one
// node at a time (epochs.h). Pairs that give to the same node share its turn: only that node raises its own.
//
// Thread-safe. A pair waits for its turn as long as another node has it; who waits goes before who joins.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "model/cluster.h"

namespace rebalance {

class Ownership {
 public:
  // The turn of a node, for as long as it lives.
  class Turn {
   public:
    Turn(Ownership& ownership, const NodeId& taker);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Ownership& ownership_;
  };

  std::set<NodeId> takers() const;  // all that ever had a turn: their config epochs were raised

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  NodeId taker_;
  int holders_ = 0;
  std::map<NodeId, int> waiting_;
  std::set<NodeId> takers_;
};

}  // namespace rebalance
