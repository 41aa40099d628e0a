// What the tests of Observing share: a cluster that is watched after a move, and what the program says of it.
#pragma once

#include "servers/busy.h"
#include "servers/cli_rig.h"
#include "servers/run_rig.h"

namespace rebalance {

inline int times(const std::string& text, const std::string& what) {
  int found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) found++;
  return found;
}

inline constexpr const char* kWorse = "Observing (WorseThanBefore)";
inline constexpr const char* kCalm = "Observing (Observing)";

// Half of it is what a busy machine may add to a probe without a regression being told.
inline constexpr const char* kSpec =
    "approval: {mode: Automatic}\ncanary: {slots: 0}\n"
    "safety: {replicas: Ignore, persistence: Ignore, maxLatencyMillis: 800, maxReplicaLagBytes: 1Mi}\n";

// A Drain of redis-0, which is watched for so long afterwards.
struct Watched {
  explicit Watched(int seconds, const std::string& version = "r70",
                   const rig::ClusterOptions& options = with_debug())
      : cluster(lopsided(options, version)), work(*cluster, kSpec) {
    work.aim(drain_of("redis-0"), "observeSeconds: " + std::to_string(seconds) + "\n");
    program = work.start({"--observe"});
  }
  bool says(const std::string& what, int how_often = 1) const {
    return rig::wait_until([&] { return times(program->said(), what) >= how_often; },
                           rig::Milliseconds(60'000));
  }
  std::unique_ptr<rig::TestCluster> cluster;
  Work work;
  std::unique_ptr<Started> program;
};

}  // namespace rebalance
