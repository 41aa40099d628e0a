#include "control/gate.h"

#include <fmt/format.h>

namespace rebalance {

Status WriteGate::may_write() {
  const std::scoped_lock lock(mutex_);
  if (!lost_.empty()) return error(ErrorCode::kConflict, "writing is not allowed: " + lost_);
  const auto silent = BootClock::now() - last_seen_;
  if (silent > kClaimValid) {
    return error(ErrorCode::kConflict,
                 fmt::format("writing is not allowed: the claim was last renewed {:.0f} s ago",
                             std::chrono::duration<double>(silent).count()));
  }
  if (sampler_ == nullptr) return {};
  if (const auto flood = sampler_->flood()) return error(ErrorCode::kConflict, *flood);
  return {};
}

void WriteGate::claim_seen(Instant when) {
  const std::scoped_lock lock(mutex_);
  last_seen_ = when;
  lost_.clear();
}

void WriteGate::claim_lost(std::string why) {
  const std::scoped_lock lock(mutex_);
  lost_ = std::move(why);
}

void WriteGate::watch(const Sampler* sampler) {
  const std::scoped_lock lock(mutex_);
  sampler_ = sampler;
}

}  // namespace rebalance
