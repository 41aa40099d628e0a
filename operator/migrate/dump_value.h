// Whether two DUMPs are of one value.
#pragma once

#include <string_view>

namespace rebalance {

// The servers' versions may differ, and the members of a set or a hash that is a hash table may stand in
// another order: it is each process's own, so that a server that read its data from disk has another. False
// where it cannot be told: streams and hashes whose fields expire are compared as they are written.
bool same_value(std::string_view one, std::string_view other);

}  // namespace rebalance
