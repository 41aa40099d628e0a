#include "migrate/ownership.h"

#include <algorithm>

namespace rebalance {

Ownership::Turn::Turn(Ownership& ownership, const NodeId& taker) : ownership_(ownership) {
  std::unique_lock lock(ownership.mutex_);
  auto& waiting = ownership.waiting_;
  ++waiting[taker];
  const auto nobody_else = [&] {
    return std::ranges::none_of(waiting,
                                [&](const auto& other) { return other.first != taker && other.second > 0; });
  };
  ownership.changed_.wait(
      lock, [&] { return ownership.holders_ == 0 || (ownership.taker_ == taker && nobody_else()); });
  if (--waiting[taker] == 0) waiting.erase(taker);
  ++ownership.holders_;
  ownership.taker_ = taker;
  ownership.takers_.insert(taker);
}

Ownership::Turn::~Turn() {
  {
    const std::scoped_lock lock(ownership_.mutex_);
    --ownership_.holders_;
  }
  ownership_.changed_.notify_all();
}

std::set<NodeId> Ownership::takers() const {
  const std::scoped_lock lock(mutex_);
  return takers_;
}

}  // namespace rebalance
