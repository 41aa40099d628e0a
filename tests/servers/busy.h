// Load that clients feel, for the tests of what our own probes say.
#pragma once

#include <string>
#include <thread>

#include "rig/cluster.h"

namespace rebalance {

inline rig::ClusterOptions with_debug() {
  rig::ClusterOptions options;
  options.server.debug = true;
  return options;
}

// A server, of a cluster with_debug(), that serves nobody for so long, a tenth of a second, again and again.
// No script: time stands still in those of Redis 7.2 and later, which would wait for its passing for ever.
class Busy {
 public:
  explicit Busy(const rig::Server& server, int millis = 100)
      : thread_([&server, millis](const std::stop_token& stop) {
          auto client = server.connect();
          const auto seconds = std::to_string(millis / 1000.0);
          while (!stop.stop_requested()) client.must({"DEBUG", "SLEEP", seconds});
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace rebalance
