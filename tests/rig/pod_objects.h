// The nodes of a rig's Redis cluster as objects of an API server: pods with status, as a kubelet would report
// them, and Secrets with their credentials.
#pragma once

#include <cstdint>
#include <string>

#include "rig/cluster.h"
#include "rig/kube_api.h"
#include "rig/manifests.h"

namespace rig {

struct KubePodOptions {
  std::string prefix = "redis-";        // pods PREFIX0, PREFIX1, ... in the cluster's order
  std::string app = "redis-cluster";    // label app
  int64_t default_limit = 256LL << 20;  // of pods whose server runs without a limit; 0: none is written
  bool restarts_on_resize = false;      // resizePolicy of its memory
};

// A pod for the node: container redis with its port (named redis) and limit, running and ready on the
// server's address. What is there of that name is brought to this state.
void write_pod(const KubeApi& api, const std::string& name_space, const TestCluster& cluster, int index,
               const KubePodOptions& options = {});

// All of them, and the Secrets redis-auth and redis-tls where the servers want credentials.
void write_pods(const KubeApi& api, const std::string& name_space, const TestCluster& cluster,
                const KubePodOptions& options = {});

// What an in-place resize leaves in the status of a pod: the limit that its container runs with now.
void set_running_limit(const KubeApi& api, const std::string& name_space, const std::string& pod,
                       int64_t bytes);

// What the pod's spec asks for, and what its status has; 0: none.
int64_t wanted_limit(const KubeApi& api, const std::string& name_space, const std::string& pod);
int64_t running_limit(const KubeApi& api, const std::string& name_space, const std::string& pod);
// The node that the pods say they are on, with room for anything: a resize is not admitted without it.
void write_node(const KubeApi& api);
// Sets request and limit of the spec through the subresource resize, as a person would.
void resize(const KubeApi& api, const std::string& name_space, const std::string& pod, int64_t bytes);
// What a kubelet says of a resize that it cannot begin: Deferred or Infeasible; empty: nothing any more.
void say_of_resize(const KubeApi& api, const std::string& name_space, const std::string& pod,
                   const std::string& reason, const std::string& message = "");

// Deletes it without grace, as a kubelet would when its containers have ended.
void remove_pod(const KubeApi& api, const std::string& name_space, const std::string& pod);

// A RedisRebalance over those pods, made or changed by server-side apply as a person's tool would.
void apply_rebalance(const KubeApi& api, const TestCluster& cluster, const ManifestOptions& options);

}  // namespace rig
