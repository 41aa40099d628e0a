// SIGINT and SIGTERM as a stop token.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "base/descriptor.h"

namespace rebalance {

// While one of these lives, the signals are blocked in the calling thread and in threads that it starts (make
// it first), and a thread of its own waits for them: the first asks for a stop, each later one calls `again`
// on that thread.
class StopOnSignal {
 public:
  explicit StopOnSignal(std::function<void()> first, std::function<void()> again);
  ~StopOnSignal();  // the signals do again what they did before
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait(std::stop_token ended);

  std::function<void()> first_;
  std::function<void()> again_;
  std::stop_source stop_;
  Descriptor signals_;  // signalfd
  Descriptor wake_;     // eventfd, ends the thread
  std::jthread thread_;
};

}  // namespace rebalance
