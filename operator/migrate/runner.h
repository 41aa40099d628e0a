// Runs one batch on real servers: the one place of migrate/ with connections, clocks and waiting.
//
// Blocking; one call a pair of nodes, several pairs in parallel on threads of the caller. The calls share
// nothing but what Hooks names, all of which must be thread-safe: a call has a thread of its own, too, by
// which live copy copies a group while the one before is handed over (docs/live-copy.md).
#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "migrate/engine.h"
#include "migrate/ownership.h"
#include "model/intent.h"
#include "redis/connection.h"

namespace rebalance {

// A node and how it is reached: through its pod, whatever gossip announces.
struct Member {
  NodeId id;  // each connection is refused unless CLUSTER MYID says the same
  PodName pod;
  Role role = Role::kPrimary;
  ConnectOptions access;
};

// May this executor write now: claim held, no pod above its flood mark? Asked before every round trip that
// changes something, so it must be cheap. kStopped or kConflict end the batch at once with what is open.
class Gate {
 public:
  virtual ~Gate() = default;
  virtual Status may_write() = 0;
  // The same of an ask that `clears`: a pod above its flood mark does not forbid it.
  virtual Status may_clear() { return may_write(); }
};

struct PairProgress {
  NodeId source, target;
  int batch = 0;
  int slots_done = 0, slots_total = 0;
  std::int64_t keys_done = 0;
  Bytes bytes_done = 0;
};

// Called after every round trip, by one thread of the pair at a time: cheap, no blocking.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  virtual void progress(const PairProgress& progress) = 0;
};

struct Hooks {
  Gate& gate;
  IntentLog& intents;
  Ownership& ownership;  // one for each cluster
  ProgressSink& progress;
  const std::atomic<int>* speed = nullptr;  // percent of the time that may be used; nullptr: all of it
};

struct RunnerOptions {
  int group_slots = 64;           // opened together, closed together
  int live_group_slots = 1024;    // of live copy, which opens nothing at the source
  Bytes group_bytes = 32 * kMiB;  // by the batch's mean; bounds how long a stop takes
  std::optional<Bytes> max_bytes_per_second;
  Millis agreement{30000};     // all nodes must agree within this after the last group
  Millis node_timeout{15000};  // cluster-node-timeout: no key may stall a node for half of it
  Bytes key_room = INT64_MAX;  // the biggest key that the pods' memory lets travel whole
  // Of live copy: the longest that one key may keep a server from its clients, the longest pause of all
  // writes, and how many replicas of the two ends must know before a hand-over's two steps (WAIT).
  Millis latency{50}, write_pause{100};
  int source_replicas = 0, target_replicas = 0;
  bool gentle = false;  // stalls of half the length for a tenth of the speed
  int attempts = 6;     // connects after a broken connection, and tries after an error that passes
};

struct BatchJob {
  Batch batch;
  Member source, target;
  std::vector<Member>
      others;  // all other nodes: primaries are told of new owners, and all must agree at the end
  // Open intents of this pair from an earlier run: their slots may already be open. One without source_run_id
  // (a Repair's) adopts its slots without proof that the target's copies are ours.
  std::vector<MoveIntent> earlier;
  RunnerOptions options;
  Engine engine = Engine::kKeyByKey;
};

struct BatchResult {
  SlotSet done;       // owned by the target; agreed by all unless `error`
  SlotSet left_open;  // may be marked on a node; their intent is still in the log
  std::vector<SkippedSlot> skipped;
  std::optional<Error>
      error;  // kStopped: on request; kTimeout: NotConverged or a silent node; kUnavailable: a node died
  std::int64_t keys = 0;
  Bytes bytes = 0;
  int retries = 0;
  bool left_to_key_by_key = false;  // slots that live copy could not move
  std::optional<Instant> first_write, last_agreement;
};

BatchResult run_batch(const BatchJob& job, const Hooks& hooks, std::stop_token stop);

// Waits until all nodes give `owner` as owner of `slots` and none of them marks one open. kTimeout
// (NotConverged) names who does not.
Status wait_for_agreement(const std::vector<Member>& nodes, const NodeId& owner, const SlotSet& slots,
                          Millis limit);

}  // namespace rebalance
