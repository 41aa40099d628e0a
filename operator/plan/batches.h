// From owners before and after to batches in an order of which every prefix is safe.
#pragma once

#include <optional>
#include <vector>

#include "plan/layout.h"
#include "plan/projection.h"

namespace rebalance {

enum class Headroom {
  kRespected,  // what does not fit is left out, and said
  kIgnored,    // everything goes: what would it need?
};

struct Schedule {
  std::vector<Batch> batches;
  std::vector<Seat> seats;         // at the end; peaks and needs over all prefixes
  std::optional<Refusal> refusal;  // of what could not be placed; `batches` then holds what could
};

// Relief first: sources over their ceiling, the fullest first, into the roomiest targets; pairs take turns,
// so that neighbouring batches can run side by side. A batch that does not fit waits until slots have left
// its target; where only a part fits, that part goes. Nodes of `layout` are indices into world.nodes.
Schedule schedule_batches(const World& world, const Layout& layout, const RebalanceSpec& spec,
                          const Factors& factors, Headroom headroom);

}  // namespace rebalance
