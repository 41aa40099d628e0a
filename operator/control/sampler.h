// Watches every pod that a run touches, on connections of its own: INFO memory each 250 ms, and between them
// PINGs, which wait behind the same commands as a client's would: each 25 ms, less often where more than 50
// pods are touched.
//
// A pod above its flood mark is told until it is below again; one that does not answer keeps its last
// reading. The peaks are those of the readings: what came and went between two of them is not seen.
// Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "control/probe_window.h"
#include "control/report.h"
#include "plan/headroom.h"
#include "reconcile/decide.h"
#include "redis/connection.h"

namespace rebalance {

struct WatchedNode {
  NodeId id;
  PodName pod;
  ConnectOptions access;
  Walls walls{};
};

class Sampler {
 public:
  explicit Sampler(std::vector<WatchedNode> nodes);

  std::map<NodeId, MemoryReading> latest() const;
  std::vector<PodView> pods() const;         // sorted by pod
  std::vector<ProbeReading> probes() const;  // one a pod, in no order
  std::optional<std::string> flood() const;  // a sentence while any pod is above its flood mark

 private:
  void sample(std::size_t index, const std::stop_token& stop);
  void take(std::size_t index, const MemoryReading& reading);
  void probe(std::size_t index, Connection* connection);  // nullptr: it could not be reached

  struct Seen {
    std::optional<MemoryReading> latest;
    Bytes peak = 0;
    ProbeWindow probes;
  };
  std::vector<WatchedNode> nodes_;
  int probes_a_reading_ = 1;
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace rebalance
