// The commands of a slot's move and the reading of their replies.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "migrate/engine.h"
#include "model/cluster.h"
#include "model/slot_set.h"

namespace rebalance {

Command setslot(Slot slot, const char* state, const NodeId& node);  // IMPORTING, MIGRATING, NODE
Command setslot_stable(Slot slot);
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
// kInternal when there is no line of "myself"; kRefused quotes an error.
Result<OwnView> own_view(const Reply& reply);

// The value of `field:` in a reply of INFO; empty if there is none.
std::string info_field(const Reply& reply, std::string_view field);

// Calls `use(slot)` in ascending order.
template <typename Use>
void for_each_slot(const SlotSet& slots, Use use) {
  for (const auto& range : slots.ranges()) {
    for (int slot = range.first; slot <= range.last; ++slot) use(static_cast<Slot>(slot));
  }
}
inline void add_slot(SlotSet& set, Slot slot) { set.add(SlotRange{slot, slot}); }
inline void remove_slot(SlotSet& set, Slot slot) { set.remove(SlotRange{slot, slot}); }

}  // namespace rebalance
