#include "plan/node_rows.h"

#include <algorithm>
#include <set>

#include "plan/headroom.h"

namespace rebalance {
namespace {

struct Sides {
  std::set<NodeId> receivers, givers;
};

Sides sides_of(const std::optional<Plan>& plan) {
  Sides sides;
  if (!plan) return sides;
  for (const auto& batch : plan->batches) {
    sides.receivers.insert(batch.target);
    sides.givers.insert(batch.source);
  }
  return sides;
}

std::map<PodName, const NodeForecast*> forecasts_of(const std::optional<Plan>& plan) {
  std::map<PodName, const NodeForecast*> forecasts;
  if (!plan) return forecasts;
  // A plan that was read back after a restart knows pods and limits only.
  for (const auto& node : plan->nodes) {
    if (node.peak > 0) forecasts[node.pod] = &node;
  }
  return forecasts;
}

NodeRow row_of(const WorldNode& node, const HeadroomSpec& spec) {
  const auto walls = walls_of(node, spec);
  NodeRow row{node.pod, node.id, walls.limit, walls.ceiling, walls.high, walls.flood};
  row.base = node.memory.base();
  row.used = node.memory.used;
  row.rss = node.memory.rss;
  row.maxmemory = node.memory.maxmemory;
  row.peak = row.base;
  row.slots = node.slots.size();
  return row;
}

}  // namespace

std::vector<NodeRow> node_rows(const World& world, const std::optional<Plan>& plan, const HeadroomSpec& spec,
                               const std::map<PodName, Bytes>& peaks) {
  const auto sides = sides_of(plan);
  const auto forecasts = forecasts_of(plan);
  std::map<PodName, NodeRow> rows;
  for (const auto& node : world.nodes) {
    auto row = row_of(node, spec);
    if (const auto peak = peaks.find(node.pod); peak != peaks.end())
      row.peak = std::max(row.peak, peak->second);
    if (const auto forecast = forecasts.find(node.pod); forecast != forecasts.end()) {
      row.projected = forecast->second->peak;
      row.why = forecast->second->why;
    }
    const auto& primary = node.role == Role::kReplica ? node.primary : node.id;
    row.receives = sides.receivers.contains(primary);
    row.gives = sides.givers.contains(primary);
    rows.insert_or_assign(node.pod, std::move(row));
  }
  std::vector<NodeRow> sorted;
  for (auto& [pod, row] : rows) sorted.push_back(std::move(row));
  return sorted;
}

}  // namespace rebalance
