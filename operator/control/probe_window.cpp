#include "control/probe_window.h"

#include <algorithm>
#include <vector>

namespace rebalance {

void ProbeWindow::answered(std::chrono::microseconds took) {
  answered_++;
  kept_.push_back(took);
  if (kept_.size() > most_) kept_.pop_front();
}

double ProbeWindow::p99_millis() const {
  if (kept_.empty()) return 0;
  std::vector<std::chrono::microseconds> sorted(kept_.begin(), kept_.end());
  const auto rank = (sorted.size() * 99 + 99) / 100 - 1;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(rank));
  return std::chrono::duration<double, std::milli>(sorted[rank]).count();
}

}  // namespace rebalance
