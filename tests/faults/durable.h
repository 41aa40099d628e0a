// What the tests share whose servers crash and come back: servers that lose nothing then, and what there is
// to compare.
#pragma once

#include "servers/run_rig.h"

namespace rebalance {

// Each write is on the disk before it is acknowledged.
inline rig::ClusterOptions durable() {
  rig::ClusterOptions options;
  options.server.aof = true;
  options.server.config = {"appendfsync always"};
  return options;
}

// A stream that comes back from an append-only file is dumped differently (the times of its consumers are
// new): of streams only their being there is compared here.
inline rig::ClusterDigest digest_of(const rig::TestCluster& cluster) {
  auto digest = digest_without(cluster.seed(), "writer:");
  for (auto& [name, key] : digest.keys) {
    if (key.type == "stream") key.content = 0;
  }
  return digest;
}

}  // namespace rebalance
