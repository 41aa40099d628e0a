// Tells people about objects through Events, without ever holding up who has something to tell.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "kube/api_client.h"
#include "kube/event_series.h"
#include "kube/surroundings.h"

namespace rebalance {

// Thread-safe.
class EventRecorder {
 public:
  // `client` must outlive it.
  EventRecorder(ApiClient& client, std::string controller, std::string instance, Surroundings around = {});

  // Returns at once; a thread of its own sends. With 1000 waiting, further ones are dropped and counted.
  void record(EventNote note);

  // Waits until all that was recorded has been sent or given up; false: `limit` was not enough.
  bool flush(Millis limit);

  std::uint64_t dropped() const { return dropped_; }    // the queue was full
  std::uint64_t rejected() const { return rejected_; }  // refused by the server, or it could not be reached
  std::uint64_t sent() const { return sent_; }

 private:
  void run(std::stop_token stop);
  void send(const EventWrite& write, std::stop_token stop);
  ApiResult<std::string> send_once(const EventWrite& write, std::stop_token stop);

  ApiClient& client_;
  const Surroundings around_;
  EventSeries series_;  // of the thread alone, as the next
  bool told_ = false;   // the last event was lost, and the log says so
  std::mutex mutex_;    // of the next two
  std::condition_variable_any condition_;
  std::deque<EventNote> queue_;
  bool busy_ = false;
  std::atomic<std::uint64_t> dropped_{0}, rejected_{0}, sent_{0};
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
