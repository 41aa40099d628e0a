#include <gtest/gtest.h>
#include <chrono>
#include <iostream>

#include "model_explorer.h"

namespace rebalance::model {
namespace {

const std::vector<std::string> kWrites{"set 1", "set 2", "del 1", "del 2", "set 4", "swap 2 4", "expire 1", "silent 3", "flush", "tick", "reap A 2", "reap B 2"};

TEST(LiveCopyModel, Try) {
  const std::vector<Scenario> all{
      {"two writes", kWrites, {}, 2, 0},
      {"a write and a cut", kWrites, {"cut", "kill"}, 1, 1},
      {"a write and a stop", kWrites, {"stop"}, 1, 1},
      {"a write and a crash", kWrites, {"crash"}, 1, 1},
      {"gossip", kWrites, {"gossip"}, 1, 1},
      {"fail", {"set 1", "del 2"}, {"fail A", "fail B"}, 1, 1, false, true},
  };
  for (const auto& scenario : all) {
    const auto start = std::chrono::steady_clock::now();
    const auto found = explore(scenario, Removed::kNothing, 200000);
    std::cout << scenario.name << ": " << found.runs << " runs, " << found.states << " states, complete " << found.complete << ", "
              << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << " s\n";
    if (found.finding) std::cout << "  " << found.finding->invariant << ": " << found.finding->how << "; " << found.finding->text() << "\n";
  }
}

}  // namespace
}  // namespace rebalance::model
