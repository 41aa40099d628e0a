// Active defragmentation of one server: CONFIG SET activedefrag. Only servers that were built with the
// jemalloc of their own sources have it; all others answer an error and stay as they were.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "redis/connection.h"

namespace rebalance {

struct DefragState {
  std::string run_id;  // of the server's process
  bool on = false;
};
// kRefused: it does not tell.
Result<DefragState> read_defrag(Connection& connection);

// kRefused: the server cannot, or our user may not; the message has its words and what to do.
Status set_defrag(Connection& connection, bool on);

// Why it cannot be switched on here, as far as that can be seen without doing it; nothing: it may be
// possible. An unknown parameter is what shows whether CONFIG SET is permitted: it changes nothing.
Result<std::optional<Error>> defrag_obstacle(Connection& connection);

}  // namespace rebalance
