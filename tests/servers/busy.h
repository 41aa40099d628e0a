// Load that clients feel, for the tests of what our own probes say.
#pragma once

#include <string>
#include <thread>

#include "rig/server.h"

namespace rebalance {

// A server that serves nobody for so long, a tenth of a second, again and again.
class Busy {
 public:
  explicit Busy(const rig::Server& server, int millis = 100)
      : thread_([&server, millis](const std::stop_token& stop) {
          auto client = server.connect();
          while (!stop.stop_requested()) client.command({"EVAL", kLoop, "0", std::to_string(millis)});
        }) {}

 private:
  static constexpr const char* kLoop =
      "local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end "
      "local till = now() + tonumber(ARGV[1]) while now() < till do end return 1";
  std::jthread thread_;
};

}  // namespace rebalance
