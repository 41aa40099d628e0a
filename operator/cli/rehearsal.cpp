#include "cli/rehearsal.h"

#include <fmt/format.h>

#include <algorithm>

namespace rebalance {
namespace {

// 40 hex digits that no server has, the same for the same pod: plans of a rehearsal stay comparable.
NodeId id_of(const PodName& pod) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : pod) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:024x}{:016x}", 0, hash);
}

WorldNode newcomer(const PodState& pod, const World& world) {
  WorldNode node;
  node.id = id_of(pod.name);
  node.pod = pod.name;
  node.zone = pod.zone;
  const auto oldest = std::ranges::min_element(world.nodes, {}, &WorldNode::version);
  if (oldest == world.nodes.end()) return node;
  node.version = oldest->version;
  node.maxmemory_policy = oldest->maxmemory_policy;
  node.aof_enabled = oldest->aof_enabled;
  node.save_points = oldest->save_points;
  node.memory.maxmemory = oldest->memory.maxmemory;
  node.cluster_node_timeout_millis = oldest->cluster_node_timeout_millis;
  return node;
}

}  // namespace

World rehearsed(World saved, const std::vector<PodState>& pods) {
  for (const auto& pod : pods) {
    auto node = std::ranges::find(saved.nodes, pod.name, &WorldNode::pod);
    if (node == saved.nodes.end()) node = saved.nodes.insert(saved.nodes.end(), newcomer(pod, saved));
    node->limit = pod.limit;
    node->request = pod.request;
  }
  std::ranges::sort(saved.nodes, {}, &WorldNode::id);
  return saved;
}

}  // namespace rebalance
