#include <gtest/gtest.h>
#include <chrono>
#include <iostream>

#include "explorer.h"

namespace rebalance::model {
namespace {

const std::vector<Action> kWrites{{What::kSet, {}, 1}, {What::kSet, {}, 2}, {What::kDelete, {}, 1}, {What::kDelete, {}, 2},
  {What::kSet, {}, 4}, {What::kSwap, {}, 2, 4}, {What::kExpire, {}, 1}, {What::kSilent, {}, 3}, {What::kFlush}, {What::kTick}, {What::kReap, "A", 2}, {What::kReap, "B", 2}, {What::kEvict, "B", 2}};

TEST(LiveCopyModel, Try) {
  const std::vector<Scenario> all{
      {"two writes", kWrites, {}, 2, 0},
      {"a write and a cut", kWrites, {What::kCut, What::kKill}, 1, 1},
      {"a write and a stop", kWrites, {What::kStop}, 1, 1},
      {"a write and a crash", kWrites, {What::kCrash}, 1, 1},
      {"gossip", kWrites, {What::kGossip}, 1, 1},
      {"fail", {{What::kSet, {}, 1}, {What::kDelete, {}, 2}, {What::kSet, {}, 4}}, {What::kFail}, 2, 1, false, true},
      {"fail", {{What::kSet, {}, 1}, {What::kDelete, {}, 2}}, {What::kFail, What::kDeaf}, 1, 2, false, true},
      {"cut and crash", {{What::kSet, {}, 1}, {What::kDelete, {}, 2}}, {What::kCut, What::kCrash}, 1, 2, false, false},
  };
  for (const auto& scenario : all) {
    if (getenv("ONLY") && scenario.name.find(getenv("ONLY")) == std::string::npos) continue;
    const auto start = std::chrono::steady_clock::now();
    const auto found = explore(scenario, Removed::kNothing, 200000);
    std::cout << scenario.name << ": " << found.runs << " runs, " << found.states << " states, complete " << found.complete << ", "
              << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() << " s\n";
    if (found.finding) std::cout << "  " << found.finding->invariant << ": " << found.finding->how << "; " << found.finding->text() << "\n";
  }
}

}  // namespace
}  // namespace rebalance::model
