// A cluster of the rig as Kubernetes YAML: what `kubectl get pods -o yaml` would print of it, a
// RedisRebalance, secrets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "rig/cluster.h"

namespace rig {

struct ManifestOptions {
  std::string name = "rebalance";      // of the RedisRebalance
  std::string name_space = "default";  // of that one alone, and of secrets
  std::string goal = "type: Balance";  // lines below spec.goal, not indented
  // Further lines below spec, not indented ("headroom: {minFreePercent: 10}"). Without a canary in it there
  // is none, since it would hold up each move by half a minute.
  std::string spec;
  int64_t default_limit = 256LL << 20;    // of pods whose server runs without a limit; 0: none is written
  std::string server_name = "localhost";  // of TLS
};

// The RedisRebalance alone, as YAML.
std::string rebalance_yaml(const TestCluster& cluster, const ManifestOptions& options = {});

// The servers' password (redis-auth) and certificates (redis-tls) as Secrets in YAML; empty where they have
// none.
std::string secrets_yaml(const TestCluster& cluster, const std::string& name_space = "default");

// Writes pods.yaml (pods redis-0, redis-1, ... in the cluster's order, labels app: redis-cluster),
// rebalance.yaml and, for TLS and passwords, secrets.yaml (redis-tls, redis-auth). What is there is replaced.
void write_manifests(const std::filesystem::path& folder, const TestCluster& cluster,
                     const ManifestOptions& options = {});

}  // namespace rig
