// Which of a pair's groups may hand over: one at a time. The others copy meanwhile.
//
// Thread-safe. Who waited first is next.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>

namespace rebalance {

class GroupTurn {
 public:
  struct Leave {
    void operator()(GroupTurn* turn) const { turn->leave(); }
  };
  // The turn, for as long as it lives.
  using Held = std::unique_ptr<GroupTurn, Leave>;

  // Waits until nobody has it; nothing: `stop` came first.
  Held take(std::stop_token stop);

 private:
  void leave();

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool taken_ = false;
  int last_ = 0;
  std::set<int> waiting_;  // in the order in which they came
};

}  // namespace rebalance
