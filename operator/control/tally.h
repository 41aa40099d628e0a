// What was moved so far, per pair and in all, against what the plan said. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "control/report.h"
#include "migrate/runner.h"
#include "model/plan.h"

namespace rebalance {

class Tally {
 public:
  void begin(const Plan& plan, const World& world);
  void add(const Batch& batch, const BatchResult& result);

  // Pairs in the plan's order, with what runs now added; rates are over the time since the first write.
  void fill(RunView& view, const std::vector<PairProgress>& running, Instant now) const;

  int slots() const { return moved_.size(); }
  std::int64_t keys() const { return keys_; }
  Bytes bytes() const { return bytes_; }
  double moving_seconds() const;  // first writing command to last agreement, 0 before
  void written(Instant when);     // something writes from here on

 private:
  using Pair = std::pair<NodeId, NodeId>;
  PairView& pair(const Pair& key);
  std::vector<std::pair<Pair, PairView>> pairs_;
  SlotSet moved_;
  std::int64_t keys_ = 0;
  Bytes bytes_ = 0;
  std::optional<Instant> first_write_, last_agreement_;
};

}  // namespace rebalance
