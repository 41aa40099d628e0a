// What Repair sees: every node's view and counts, gathered into a RepairPicture.
#pragma once

#include <vector>

#include "migrate/node_link.h"
#include "migrate/repair.h"
#include "model/cluster.h"

namespace rebalance {

// Reads all nodes; those that cannot be reached are left out (what they own is then owned by the dead).
// With `everything` the keys of all slots are counted on all primaries: some 10 ms of each, in pieces.
Result<RepairPicture> look_for_odd_slots(std::vector<NodeLink>& links, const RepairJob& job,
                                         const std::stop_token& stop);

}  // namespace rebalance
