// Bytes of whoever knows what, for people.
#pragma once

#include <string>
#include <string_view>

namespace rebalance {

// As redis-cli prints it, without the quotes: \n, \", \\, and \xff for all that is not printable ASCII.
std::string printable(std::string_view bytes);

}  // namespace rebalance
