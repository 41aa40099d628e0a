#include "migrate/slot_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "redis/parse.h"

namespace rebalance {

Command setslot(Slot slot, const char* state, const NodeId& node) {
  return {"CLUSTER", "SETSLOT", std::to_string(slot), state, node};
}
Command setslot_stable(Slot slot) { return {"CLUSTER", "SETSLOT", std::to_string(slot), "STABLE"}; }
Command count_keys(Slot slot) { return {"CLUSTER", "COUNTKEYSINSLOT", std::to_string(slot)}; }
Command list_keys(Slot slot, std::int64_t limit) {
  return {"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), std::to_string(limit)};
}
Command when_no_failover() { return {"EVAL", "return 1", "0"}; }
Command cluster_nodes() { return {"CLUSTER", "NODES"}; }

std::vector<Command> setslot_each(const SlotSet& slots, const char* state, const NodeId& node) {
  std::vector<Command> commands;
  for_each_slot(slots, [&](Slot slot) { commands.push_back(setslot(slot, state, node)); });
  return commands;
}

std::vector<Command> setslot_stable_each(const SlotSet& slots) {
  std::vector<Command> commands;
  for_each_slot(slots, [&](Slot slot) { commands.push_back(setslot_stable(slot)); });
  return commands;
}

// A NODE of an imported slot raises the config epoch and is told to all nodes at once (cluster.c), who look
// through all slots and write their nodes.conf, with fsync. One of the last slot tells of them all: the
// others have no mark any more by then, and no packet leaves between two commands of a transaction.
std::vector<Command> take_slots(const SlotSet& slots, const NodeId& target) {
  std::vector<Command> commands{when_no_failover(), {"MULTI"}};
  const Slot last = slots.ranges().back().last;
  for_each_slot(slots, [&](Slot slot) {
    if (slot != last) commands.push_back(setslot_stable(slot));
    commands.push_back(setslot(slot, "NODE", target));
  });
  commands.push_back({"EXEC"});
  return commands;
}

Result<NodeView> nodes_view(const Reply& reply) {
  if (!reply.is_error()) return parse_cluster_nodes(reply.text);
  return error(ErrorCode::kRefused, fmt::format("CLUSTER NODES answered \"{}\"", reply.text));
}

Result<OwnView> own_view(const Reply& reply) {
  TRY(all, nodes_view(reply));
  return own_view(all);
}

Result<OwnView> own_view(const NodeView& view) {
  const auto self = std::ranges::find(view.nodes, true, &Gossip::myself);
  if (self == view.nodes.end())
    return error(ErrorCode::kInternal, "CLUSTER NODES has no line of the node itself");
  OwnView own{self->id, self->role, self->slots, {}, {}};
  for (const auto& open : view.open) {
    const bool leaves = open.direction == OpenSlot::Direction::kMigrating;
    (leaves ? own.migrating : own.importing)[open.slot] = open.peer;
  }
  return own;
}

std::string info_field(const Reply& reply, std::string_view field) {
  return std::string(Info(reply.text).text(field));
}

}  // namespace rebalance
