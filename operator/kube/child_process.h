// A program that is run to its end and whose standard output is read.
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace rebalance {

struct ChildCommand {
  std::vector<std::string> arguments;                            // the first is the program
  std::vector<std::pair<std::string, std::string>> environment;  // added to our own
  Millis limit{60'000};
  std::size_t most_bytes = std::size_t{1} << 20;  // of its output
};

struct ChildOutput {
  int exit_code = 0;  // 128 + the signal's number when one ended it
  std::string text;
};

// Standard input is empty, standard error our own; no other file of ours is open in it. It and what it
// started are killed at the limit (kTimeout), when `stop` is asked for (kStopped), and when it says more than
// is allowed (kInvalidInput). kUnavailable: it cannot be started.
Result<ChildOutput> run_child(const ChildCommand& command, const std::stop_token& stop);

}  // namespace rebalance
