// The commands of a slot's move and the reading of their replies.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "migrate/engine.h"
#include "model/cluster.h"
#include "model/slot_set.h"

namespace rebalance {

Command setslot(Slot slot, const char* state, const NodeId& node);  // IMPORTING, MIGRATING, NODE
Command setslot_stable(Slot slot);
std::vector<Command> setslot_each(const SlotSet& slots, const char* state, const NodeId& node);
std::vector<Command> setslot_stable_each(const SlotSet& slots);
// Is answered once no failover is under way. A primary whose replica takes over on request holds back writes
// and scripts until then (from 6.2 on), but not CLUSTER SETSLOT: a slot that changes hands just then may end
// with two nodes of which each takes the other for its owner, and has deleted its keys (seen on 7.0).
Command when_no_failover();
// when_no_failover(), then a transaction that makes `target` the owner of all of `slots`, which it imports:
// EXEC last.
std::vector<Command> take_slots(const SlotSet& slots, const NodeId& target);
Command count_keys(Slot slot);
Command list_keys(Slot slot, std::int64_t limit);
Command cluster_nodes();

// What a node's own line of CLUSTER NODES says of itself.
struct OwnView {
  NodeId id;
  Role role = Role::kPrimary;
  SlotSet slots;
  std::map<Slot, NodeId> migrating, importing;
};
// Of a reply of CLUSTER NODES; kRefused quotes an error.
Result<NodeView> nodes_view(const Reply& reply);
// kInternal when there is no line of "myself".
Result<OwnView> own_view(const NodeView& view);
Result<OwnView> own_view(const Reply& reply);

// The value of `field:` in a reply of INFO; empty if there is none.
std::string info_field(const Reply& reply, std::string_view field);

}  // namespace rebalance
