// Removes the copies that live copy staged on the target, and closes their slots there. Pure.
//
// Only for copies that nothing can have been handed over to: the source owns the slots, serves their keys and
// has never sent a client to the target.
#pragma once

#include <optional>
#include <vector>

#include "migrate/engine.h"

namespace rebalance {

class Clearing {
 public:
  // `close`: SETSLOT STABLE at the end.
  void start(const SlotSet& slots, bool close);
  bool done() const { return left_.empty(); }
  Ask next();                                                          // unless done()
  std::optional<std::string> take(const std::vector<Reply>& replies);  // what a server refused

 private:
  enum class Stage { kList, kDelete, kClose };
  SlotSet left_;
  bool close_ = false;
  Stage stage_ = Stage::kList;
  std::vector<std::string> found_;  // keys; reach no log
};

}  // namespace rebalance
