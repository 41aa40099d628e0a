// The observed world as a file: `plan --save FILE` keeps it, a person changes limits, nodes or sizes in it,
// and `plan --from FILE` plans on it: a rehearsal of production without production.
#pragma once

#include <string>

#include "base/result.h"
#include "model/world.h"

namespace rebalance {

// YAML with quantities and slot ranges; what has its default is left out, sizes stand as runs of slots that
// are not empty.
std::string world_yaml(const World& world);

// Reads what world_yaml writes, and the same as JSON. A node needs a pod name; everything else has a default,
// the id too (made from the pod name). A replica names its primary's pod or id. `source` is the file's name
// for messages. kInvalidInput says "source:line: what is wrong": an unknown or misspelt field, a bad
// quantity, two nodes of one name.
Result<World> read_world(const std::string& text, const std::string& source);

}  // namespace rebalance
