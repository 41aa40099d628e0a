// Clients that write while slots move, and know afterwards what must be there.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "rig/topology.h"

namespace rig {

struct WriterOptions {
  double operations_per_second = 1000;  // open loop: a late reply does not slow the schedule down
  int threads = 2;
  int keys = 2000;  // half are set to a sequence number (and now and then deleted), half are counters
  int value_bytes = 100;
  bool deletes = true;
  std::string prefix = "writer:";
  Milliseconds timeout{5000};    // of one command; then its outcome is unknown
  Milliseconds give_up{20'000};  // of one operation that is redirected or refused again and again
};

struct WriterReport {
  int64_t acknowledged = 0;
  int64_t refused = 0;  // given up, with the server's word that nothing was written
  int64_t unknown = 0;  // time-out or lost connection after sending: written or not
  int64_t moved = 0;
  int64_t ask = 0;
  int64_t try_again = 0;
  int64_t cluster_down = 0;
  int64_t other_errors = 0;
  std::string last_error;
  double seconds = 0;
  // From when it was due to its acknowledgement, all retries included, in microseconds.
  int64_t p50 = 0;
  int64_t p99 = 0;
  int64_t p999 = 0;
  int64_t max = 0;
};

// Part of a writer's time: percentiles then are of what was due in it.
struct TimeWindow {
  std::chrono::steady_clock::time_point from, until;
};

struct WriterVerdict {
  int64_t checked = 0;
  int64_t lost = 0;     // acknowledged and not there
  int64_t phantom = 0;  // there, though deleted, never written or written twice
  std::string examples;
};

class Writer {
 public:
  explicit Writer(const Endpoint& seed, const WriterOptions& options = {});  // starts at once
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  int64_t acknowledged() const;  // so far
  // Ends the threads; once. With a window, the percentiles leave out what was due before and after it.
  WriterReport stop(const std::optional<TimeWindow>& window = {});
  // Whom verify() asks first, where the seed is gone by then.
  void ask(const Endpoint& seed);
  // After stop(): reads every key and compares. A key whose last outcome is unknown was not written again,
  // and may be either. Keys of the slots in `unjudged` are left out.
  WriterVerdict verify(const std::set<int>& unjudged = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rig
