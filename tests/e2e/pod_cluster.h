// A Redis cluster of four real pods: three primaries that own all slots, and an empty one.
#pragma once

#include <cstdint>
#include <string>

#include "rig/cluster.h"
#include "rig/fill.h"
#include "rig/kube_node.h"

namespace rebalance {

// As rig::wait_until, but sparing an API server that others use as well.
template <typename Condition>
bool eventually(Condition condition, rig::Milliseconds limit) {
  return rig::wait_until(
      [&] {
        rig::nap(rig::Milliseconds(200));
        return condition();
      },
      limit);
}

class PodCluster {
 public:
  // In a namespace of its own, which is made, and deleted at the end. Throws when it does not come up.
  PodCluster(const rig::KubeNode& node, std::string name_space, std::int64_t limit_bytes);
  ~PodCluster();
  PodCluster(const PodCluster&) = delete;
  PodCluster& operator=(const PodCluster&) = delete;

  static constexpr int kPods = 4;
  static std::string pod(int index) { return "redis-" + std::to_string(index); }

  const std::string& name_space() const { return space_; }
  rig::Endpoint endpoint(int index) const {
    return {.host = ips_[static_cast<std::size_t>(index)], .port = 6379};
  }
  rig::Endpoint seed() const { return endpoint(0); }
  std::string node_id(int index) const;
  rig::MemoryUsage memory(int index) const { return node_.memory_of(space_, pod(index)); }
  std::int64_t slots_of(int index) const;
  bool any_slot_open() const;

  // Of the pod's only container, as the kubelet reports it; empty where there is none.
  std::string container(int index, const std::string& pointer) const;
  // What `redis-cli --cluster ...` says and how it ends.
  rig::Finished redis_cli(const std::vector<std::string>& arguments) const;

  // "redis-0  peak 97.1Mi of 118.0Mi, 82 %; ..." for the test's output.
  std::string memory_text() const;
  void expect_nobody_restarted() const;
  void expect_clean() const;  // agreed, covered, nothing open, by the nodes' own word and redis-cli's

 private:
  void start(std::int64_t limit_bytes) const;
  void join();
  bool agreed() const;

  const rig::KubeNode& node_;
  std::string space_;
  std::vector<std::string> ips_;
};

}  // namespace rebalance
