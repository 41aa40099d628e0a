// Keys that want work, with the semantics of client-go's workqueue: a key stands in line at most once, one
// worker at a time has it in hand, and what is added meanwhile makes it come again once that worker is done.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "base/clock.h"
#include "kube/backoff.h"
#include "kube/surroundings.h"

namespace rebalance {

// The queue without threads and clock.
class WorkQueueState {
 public:
  void add(const std::string& key);
  void add_at(const std::string& key, Instant due);  // of two instants for one key, the earlier holds
  void admit(Instant now);                           // lets in what is due
  std::optional<std::string> get();                  // the first in line; in hand until done()
  void done(const std::string& key);

  // Takes no more; what stands in line or is marked to come again is still given out, what was to come later
  // is not.
  void shut_down();
  bool shutting_down() const { return shutting_down_; }
  bool idle() const { return line_.empty() && processing_.empty(); }
  std::size_t in_line() const { return line_.size(); }
  std::optional<Instant> next_due() const;

 private:
  std::deque<std::string> line_;
  std::set<std::string> dirty_, processing_;  // wants work; is in hand
  std::map<std::string, Instant> due_;
  std::set<std::pair<Instant, std::string>> by_time_;
  bool shutting_down_ = false;
};

// Thread-safe.
class WorkQueue {
 public:
  explicit WorkQueue(Backoff backoff = {Millis(1000), Millis(120'000), 2, 0.2}, Surroundings around = {});

  void add(const std::string& key);
  void add_after(const std::string& key, Millis delay);
  void add_rate_limited(const std::string& key);  // after this key's back-off, which grows
  void forget(const std::string& key);            // its back-off starts anew
  int num_requeues(const std::string& key) const;

  // Waits for a key. nullopt: `stop` was asked for, or the queue is shut down and nothing is in line. Each
  // key that was given out must come back through done().
  std::optional<std::string> get(const std::stop_token& stop);
  void done(const std::string& key);

  void shut_down();
  // shut_down(), then waits until nothing is in line or in hand; false when `grace` was not enough.
  bool shut_down_with_drain(Millis grace);
  std::size_t in_line() const;  // ready, not in hand

 private:
  Millis until_due() const;
  void changed();

  const Backoff backoff_;
  const Surroundings around_;
  mutable std::mutex mutex_;
  std::condition_variable_any condition_;
  WorkQueueState state_;
  std::map<std::string, int> requeues_;
  std::uint64_t changes_ = 0;
};

}  // namespace rebalance
