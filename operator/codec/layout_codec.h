// Who owns which slots, as JSON text: what a cluster was like before a rebalance.
#pragma once

#include <string>

#include "model/world.h"

namespace rebalance {

// `when`: RFC 3339. Primaries alone, those without a slot too.
std::string encode_layout(const World& world, const std::string& when);

}  // namespace rebalance
