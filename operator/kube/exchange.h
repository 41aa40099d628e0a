// One HTTP exchange between the library's threads, which bring bytes and news and must never block, and the
// thread that waits for them, with a deadline and a stop token of its own.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace rebalance {

class Exchange {
 public:
  // Once so many bytes wait to be taken, the connection is not to be read any further.
  explicit Exchange(std::size_t room) : room_(room) {}

  enum class Put { kTaken, kFull, kGivenUp };
  enum class News { kBytes, kSettled, kTime, kStopped };

  // The library's side. kFull: the bytes are taken, but no more until `when_room` has been called, by any
  // thread; called exactly once, and only then. kGivenUp: nobody reads any more.
  Put put(std::string_view bytes, std::function<void()> when_room);
  void settle();  // what was expected has happened, well or badly

  // The waiting side. `bytes_too`: bytes are news as well, and come before the news that all is settled.
  void expect();  // the next thing that settles is awaited
  News wait(Instant end, const std::stop_token& stop, bool bytes_too);
  std::string take();
  void give_up();

 private:
  const std::size_t room_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string bytes_;
  std::function<void()> when_room_;
  bool settled_ = false;
  bool given_up_ = false;
};

}  // namespace rebalance
