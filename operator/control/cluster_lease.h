// What an executor must hold beside the claim on the servers: leases on an API server, or nothing at all
// where there is none.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/cluster.h"

namespace rebalance {

class ClusterLease {
 public:
  virtual ~ClusterLease() = default;
  // Holds it for these nodes from now on, and keeps it. kConflict: another has it; the message says who and
  // since when. Any other error: it could not be asked for.
  virtual Status acquire(const std::vector<NodeId>& nodes) = 0;
  // Others may have it: only when what it guards has ended. It can be acquired again.
  virtual void release() = 0;
  // Until when it lets us write. Thread-safe and cheap.
  virtual Instant held_until() const = 0;
};

}  // namespace rebalance
