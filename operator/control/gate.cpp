#include "control/gate.h"

#include <fmt/format.h>

namespace rebalance {

Status WriteGate::may_write() {
  TRY_OK(may_clear());
  const std::scoped_lock lock(mutex_);
  if (sampler_ == nullptr) return {};
  if (const auto flood = sampler_->flood()) return error(ErrorCode::kConflict, *flood);
  return {};
}

Status WriteGate::may_clear() {
  const std::scoped_lock lock(mutex_);
  if (const auto why = lost_now(); !why.empty())
    return error(ErrorCode::kConflict, "writing is not allowed: " + why);
  const auto silent = BootClock::now() - last_seen_;
  if (silent > kClaimValid) {
    return error(ErrorCode::kConflict,
                 fmt::format("writing is not allowed: the claim was last renewed {:.0f} s ago",
                             std::chrono::duration<double>(silent).count()));
  }
  return {};
}

std::string WriteGate::lost_now() const {
  if (!lost_.empty()) return lost_;
  if (lease_ != nullptr && BootClock::now() >= lease_->held_until())
    return "the leases of the nodes were not renewed in time, or another operator has them";
  return {};
}

std::string WriteGate::lost() {
  const std::scoped_lock lock(mutex_);
  return lost_now();
}

void WriteGate::follow(const ClusterLease* lease) {
  const std::scoped_lock lock(mutex_);
  lease_ = lease;
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
