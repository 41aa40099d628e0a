#include "migrate/group_turn.h"

#include <utility>

namespace rebalance {

GroupTurn::Held GroupTurn::take(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const int mine = ++last_;
  waiting_.insert(mine);
  const bool free =
      changed_.wait(lock, std::move(stop), [&] { return !taken_ && *waiting_.begin() == mine; });
  waiting_.erase(mine);
  changed_.notify_all();  // who is next, where this one gave up
  if (!free) return nullptr;
  taken_ = true;
  return Held(this);
}

void GroupTurn::leave() {
  {
    const std::scoped_lock lock(mutex_);
    taken_ = false;
  }
  changed_.notify_all();
}

}  // namespace rebalance
