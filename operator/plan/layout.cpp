#include "plan/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "plan/spread.h"

namespace rebalance {
namespace {

constexpr double kDrainBand = 0.01;  // receivers of a drain end this close to their level
constexpr int kRounds = 8;           // until nothing changes; two or three are usual

// The primaries of a world, numbered; owners inside this file are these numbers.
class Table {
 public:
  explicit Table(const World& world) : world_(world), owner_(kSlotCount, kNobody) {
    std::vector<int> number(world.nodes.size(), kNobody);
    for (int i = 0; i < std::ssize(world.nodes); ++i) {
      const auto& node = world.nodes[i];
      if (node.role != Role::kPrimary) continue;
      by_pod_[node.pod] = static_cast<int>(index_.size());
      index_.push_back(i);
      zones_.emplace(node.zone, static_cast<int>(zones_.size()));
      for_each_slot(node.slots, [&](Slot slot) { owner_[slot] = static_cast<int>(index_.size()) - 1; });
    }
  }

  int size() const { return static_cast<int>(index_.size()); }
  const WorldNode& node(int primary) const { return world_.nodes[index_[primary]]; }
  int zone(int primary) const { return node(primary).zone.empty() ? -1 : zones_.at(node(primary).zone); }
  const std::vector<int>& owner() const { return owner_; }
  int of_pod(const PodName& pod) const {
    const auto found = by_pod_.find(pod);
    return found != by_pod_.end() ? found->second : kNobody;
  }
  std::vector<int> world_indices(const std::vector<int>& owner) const {
    std::vector<int> indices(owner.size(), kNobody);
    for (std::size_t slot = 0; slot < owner.size(); ++slot) {
      if (owner[slot] >= 0) indices[slot] = index_[owner[slot]];
    }
    return indices;
  }

 private:
  const World& world_;
  std::vector<int> owner_;
  std::vector<int> index_;  // into World::nodes
  std::map<PodName, int> by_pod_;
  std::map<std::string, int> zones_;
};

std::string names_of(const Table& table) {
  std::string names;
  for (int i = 0; i < table.size() && i < 8; ++i) names += (i > 0 ? ", " : "") + table.node(i).pod;
  return table.size() > 8 ? names + ", ..." : names;
}

Result<int> primary_in(const World& world, const Table& table, const PodName& pod, const char* field) {
  if (const int primary = table.of_pod(pod); primary != kNobody) return primary;
  const auto* node = world.find_pod(pod);
  if (node == nullptr) {
    return invalid_input(fmt::format("{}: pod {} is not part of the cluster; its primaries are {}.", field,
                                     pod, names_of(table)));
  }
  const auto* primary = world.find(node->primary);
  return invalid_input(fmt::format("{}: pod {} is a replica{} and owns no slots: name its primary instead.",
                                   field, pod, primary != nullptr ? " of " + primary->pod : std::string()));
}

std::vector<double> costs(const SlotSizes& sizes, Metric metric) {
  std::vector<double> cost(kSlotCount, 1);
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (metric == Metric::kMemory) cost[slot] = static_cast<double>(std::max<Bytes>(0, sizes.bytes[slot]));
    if (metric == Metric::kKeys)
      cost[slot] = static_cast<double>(std::max<std::int64_t>(0, sizes.keys[slot]));
  }
  return cost;
}

double sum_owned(const std::vector<double>& cost, const std::vector<int>& owner) {
  double total = 0;
  for (int slot = 0; slot < kSlotCount; ++slot) total += owner[slot] >= 0 ? cost[slot] : 0;
  return total;
}

// What the metric does not see: slots that cost nothing, at one each.
std::vector<double> empties(const std::vector<double>& cost) {
  std::vector<double> ones(kSlotCount);
  std::ranges::transform(cost, ones.begin(), [](double each) { return each > 0 ? 0.0 : 1.0; });
  return ones;
}

// Which slots may change hands; none where a Spread is only asked how even things are.
const std::vector<bool>& every_slot() {
  static const std::vector<bool> all(kSlotCount, true);
  return all;
}
const std::vector<bool>& no_slot() {
  static const std::vector<bool> none(kSlotCount, false);
  return none;
}

std::vector<Share> shares_by_weight(const Table& table, const std::vector<double>& weights, double total,
                                    const std::vector<bool>& crowded) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  std::vector<Share> shares;
  for (int i = 0; i < table.size(); ++i) {
    shares.push_back({sum > 0 ? total * weights[i] / sum : 0, !crowded[i], false, table.zone(i)});
  }
  return shares;
}

double skew_of(const Table& table, std::vector<int> owner, const std::vector<double>& cost,
               const std::vector<double>& weights) {
  const double total = sum_owned(cost, owner);
  if (total <= 0) return 1;
  const auto shares = shares_by_weight(table, weights, total, std::vector<bool>(table.size()));
  return Spread(owner, cost, no_slot(), shares).skew();
}

Result<std::vector<double>> weights_of(const World& world, const Table& table, const BalanceGoal& goal) {
  std::vector<double> weights(table.size(), 100);
  for (const auto& [pod, weight] : goal.weights) {
    TRY(primary, primary_in(world, table, pod, "goal.balance.weights"));
    weights[primary] = weight;
  }
  return weights;
}

// One round for one kind of cost; false if it was even enough.
bool even_out(std::vector<int>& owner, const Table& table, const std::vector<double>& cost,
              const std::vector<double>& weights, const BalanceGoal& goal, const std::vector<bool>& crowded) {
  const double total = sum_owned(cost, owner), tolerance = goal.tolerance_percent / 100.0;
  Spread spread(owner, cost, every_slot(), shares_by_weight(table, weights, total, crowded));
  if (total <= 0 || !spread.uneven(tolerance)) return false;
  const auto before = owner;
  spread.even_out(tolerance / 2);
  return owner != before;
}

Result<Layout> balance(const World& world, const Table& table, const BalanceGoal& goal,
                       const std::vector<bool>& crowded) {
  TRY(weights, weights_of(world, table, goal));
  auto cost = costs(world.sizes, goal.metric);
  if (sum_owned(cost, table.owner()) <= 0) cost.assign(kSlotCount, 1);
  const auto free_slots = empties(cost);

  Layout layout;
  auto owner = table.owner();
  layout.skew_before = skew_of(table, owner, cost, weights);
  const auto is_uneven = [&](std::vector<int> now) {
    return Spread(now, cost, no_slot(), shares_by_weight(table, weights, sum_owned(cost, now), crowded))
        .uneven(goal.tolerance_percent / 100.0);
  };
  // Until nothing changes, so that planning again after the plan finds nothing to do.
  for (int round = 0; round < kRounds && is_uneven(owner); ++round) {
    const bool moved = even_out(owner, table, cost, weights, goal, crowded);
    const bool spread = even_out(owner, table, free_slots, weights, goal, crowded);
    if (!moved && !spread) break;
  }
  layout.skew_after = skew_of(table, owner, cost, weights);
  if (layout.skew_after > layout.skew_before) owner = table.owner(), layout.skew_after = layout.skew_before;
  if (is_uneven(owner)) {
    layout.notes.push_back(
        fmt::format("A primary stays off its share by more than {} %: single slots are too large for more.",
                    goal.tolerance_percent));
  }
  layout.after = std::move(owner);
  return layout;
}

// The height to which `total` fills these vessels; those above it get nothing.
double water_level(std::vector<double> heights, double total) {
  std::ranges::sort(heights);
  double below = 0;
  for (std::size_t i = 0; i < heights.size(); ++i) {
    below += heights[i];
    const double level = (total + below) / static_cast<double>(i + 1);
    if (i + 1 == heights.size() || level <= heights[i + 1]) return level;
  }
  return 0;
}

// Hands the drained primaries' slots of positive cost to the others, so that those end level.
void hand_out(std::vector<int>& owner, const Table& table, const std::set<int>& drained,
              const std::vector<double>& cost, const std::vector<bool>& crowded) {
  std::vector<bool> leaving(kSlotCount);
  std::vector<double> load(table.size()), heights;
  double total = 0;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (owner[slot] < 0) continue;
    leaving[slot] = drained.contains(owner[slot]);
    if (leaving[slot]) total += cost[slot];
    load[owner[slot]] += cost[slot];
  }
  for (int i = 0; i < table.size(); ++i) {
    if (!drained.contains(i)) heights.push_back(load[i]);
  }
  const double level = water_level(heights, total);
  std::vector<Share> shares;
  for (int i = 0; i < table.size(); ++i) {
    shares.push_back({std::max(level, load[i]), !crowded[i], drained.contains(i), table.zone(i)});
  }
  Spread(owner, cost, leaving, shares).even_out(kDrainBand);
}

struct Drained {
  std::set<int> primaries;
  std::vector<std::string> notes;
};

// A replica has nothing to give: such a pod may have been drained before, and have become one then.
Status add_drained(const World& world, const Table& table, const PodName& pod, const char* field,
                   Drained& drained) {
  const auto* node = world.find_pod(pod);
  if (node != nullptr && table.of_pod(pod) == kNobody) {
    const auto* primary = world.find(node->primary);
    drained.notes.push_back(fmt::format("{}: pod {} is a replica{} and owns no slots: nothing moves from it.",
                                        field, pod,
                                        primary != nullptr ? " of " + primary->pod : std::string()));
    return {};
  }
  TRY(primary, primary_in(world, table, pod, field));
  drained.primaries.insert(primary);
  return {};
}

Result<Drained> drained_by(const World& world, const Table& table, const DrainGoal& goal) {
  Drained drained;
  for (const auto& pod : goal.pods) TRY_OK(add_drained(world, table, pod, "goal.drain.pods", drained));
  for (const auto& id : goal.node_ids) {
    const auto* node = world.find(id);
    if (node == nullptr) {
      return invalid_input(fmt::format(
          "goal.drain.nodeIDs: no server of the cluster has the id {}: it was replaced, or reset.", id));
    }
    TRY_OK(add_drained(world, table, node->pod, "goal.drain.nodeIDs", drained));
  }
  if (goal.pods.empty() && goal.node_ids.empty())
    return invalid_input("goal.drain names no pod and no node id: say which primaries to empty.");
  if (std::ssize(drained.primaries) == table.size()) {
    return invalid_input(
        fmt::format("goal.drain names all {} primaries: nobody is left to take the slots.", table.size()));
  }
  return drained;
}

Result<Layout> drain(const World& world, const Table& table, const DrainGoal& goal,
                     const std::vector<bool>& crowded) {
  TRY(named, drained_by(world, table, goal));
  const auto& drained = named.primaries;
  const auto bytes = costs(world.sizes, Metric::kMemory);
  const auto ones = costs(world.sizes, Metric::kSlots);
  const auto free_slots = empties(bytes);
  const std::vector<double> weights(table.size(), 100);

  Layout layout;
  layout.notes = std::move(named.notes);
  layout.after = table.owner();
  layout.skew_before = skew_of(table, layout.after, bytes, weights);
  hand_out(layout.after, table, drained, bytes, crowded);
  hand_out(layout.after, table, drained, free_slots, crowded);
  auto left = weights;
  for (const int primary : drained) left[primary] = 0;
  layout.skew_after = skew_of(table, layout.after, bytes, left);
  return layout;
}

Result<Layout> move(const World& world, const Table& table, const std::vector<Assignment>& assignments) {
  if (assignments.empty())
    return invalid_input("goal.move has no assignments: say which slots go to which pod.");
  const auto bytes = costs(world.sizes, Metric::kMemory);
  const std::vector<double> weights(table.size(), 100);
  Layout layout;
  layout.after = table.owner();
  std::vector<bool> seen(kSlotCount);
  for (const auto& [slots, to] : assignments) {
    TRY(target, primary_in(world, table, to, "goal.move.assignments"));
    for (const auto& range : slots.ranges()) {
      for (int slot = range.first; slot <= range.last; ++slot) {
        if (seen[slot]) {
          return invalid_input(fmt::format(
              "goal.move.assignments: slot {} is assigned twice (the second time to {}).", slot, to));
        }
        if (table.owner()[slot] < 0) {
          return invalid_input(fmt::format(
              "goal.move.assignments: slot {} has no owner to move it from: run the goal Repair first.",
              slot));
        }
        seen[slot] = true;
        layout.after[slot] = target;
      }
    }
  }
  layout.skew_before = skew_of(table, table.owner(), bytes, weights);
  layout.skew_after = skew_of(table, layout.after, bytes, weights);
  return layout;
}

Result<Layout> layout_of_goal(const World& world, const Table& table, const GoalSpec& goal,
                              const std::vector<bool>& crowded) {
  switch (goal.type) {
    case GoalType::kBalance: return balance(world, table, goal.balance, crowded);
    case GoalType::kDrain: return drain(world, table, goal.drain, crowded);
    case GoalType::kMove: return move(world, table, goal.assignments);
    case GoalType::kRepair: break;
  }
  Layout layout;
  layout.after = table.owner();
  layout.skew_before = layout.skew_after = skew_of(table, layout.after, costs(world.sizes, Metric::kMemory),
                                                   std::vector<double>(table.size(), 100));
  return layout;
}

}  // namespace

std::vector<int> owners_of(const World& world) {
  const Table table(world);
  return table.world_indices(table.owner());
}

Result<Layout> layout_for(const World& world, const GoalSpec& goal, const std::set<NodeId>& crowded) {
  const Table table(world);
  if (table.size() == 0) return invalid_input("the cluster has no primary: nothing can be planned.");
  std::vector<bool> full(table.size());
  for (int i = 0; i < table.size(); ++i) full[i] = crowded.contains(table.node(i).id);
  TRY(layout, layout_of_goal(world, table, goal, full));
  layout.before = table.world_indices(table.owner());
  layout.after = table.world_indices(layout.after);
  const auto unowned = std::ranges::count(layout.before, kNobody);
  if (unowned > 0)
    layout.notes.push_back(
        fmt::format("{} slots have no owner and stay as they are; the goal Repair finds out why.", unowned));
  return std::move(layout);
}

}  // namespace rebalance
