// Who owned which slots before the first one moved: where a rollback goes.
#pragma once

#include <string>
#include <vector>

#include "model/world.h"

namespace rebalance {

// One primary of the start, with or without slots.
struct Home {
  NodeId id;
  PodName pod;
  SlotSet slots;
  bool operator==(const Home&) const = default;
};

struct InitialLayout {
  std::string when;  // RFC 3339
  std::vector<Home> homes;
  bool operator==(const InitialLayout&) const = default;
};

InitialLayout layout_now(const World& world, std::string when);

}  // namespace rebalance
