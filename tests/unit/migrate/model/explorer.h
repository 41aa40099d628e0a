// Explores what may happen in a scenario: every schedule with no more than its writes and faults, by breadth,
// so that what is found is as short as can be; or schedules at random, by seed.
//
// Engines cannot be copied, so each schedule is run from the start; a state that was met before ends it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "world.h"

namespace rebalance::model {

struct Deviation {
  int point = 0;      // counted from 0, where something else could come than the driver's next command
  std::string where;  // what the driver was about to do
  Action action;
};

struct Finding {
  std::string invariant, how;
  std::vector<Deviation> schedule;
  std::string text() const;
};

struct Exploration {
  std::optional<Finding> finding;  // the first, which ends it
  int runs = 0;
  std::size_t states = 0;
  bool complete = true;  // not ended by `most_runs`
};

Exploration explore(const Scenario& scenario, Removed removed, int most_runs = 10'000'000);
// One schedule, drawn from `seed`.
std::optional<Finding> run_seed(const Scenario& scenario, Removed removed, unsigned seed);

}  // namespace rebalance::model
