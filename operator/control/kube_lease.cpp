#include "control/kube_lease.h"

#include "base/log.h"

namespace rebalance {

KubeLease::KubeLease(ApiClient& client, std::string name_space, std::string holder, LeaseTimes times)
    : client_(client), name_space_(std::move(name_space)), holder_(std::move(holder)), times_(times) {}

KubeLease::~KubeLease() { KubeLease::release(); }

void KubeLease::release() {
  thread_ = {};
  if (leases_) leases_->release();
}

Status KubeLease::acquire(const std::vector<NodeId>& nodes) {
  if (leases_ && nodes == nodes_ && BootClock::now() < held_until()) return {};
  if (!leases_ || nodes != nodes_) {
    release();
    const std::scoped_lock lock(mutex_);
    leases_ = std::make_shared<ClaimLeases>(client_, name_space_, nodes, holder_, times_);
    nodes_ = nodes;
  }
  const auto outcome = leases_->acquire({});
  if (const auto* other = std::get_if<LeaseHeldBy>(&outcome))
    return error(ErrorCode::kConflict, other->text());
  if (const auto* problem = std::get_if<ApiError>(&outcome)) return std::unexpected(problem->as_error());
  if (!thread_.joinable())
    thread_ = std::jthread([this, fields = LogFields::of_this_thread()](const std::stop_token& stop) {
      const LogFields same(fields);
      keep(stop);
    });
  return {};
}

Instant KubeLease::held_until() const {
  const std::scoped_lock lock(mutex_);
  return leases_ ? leases_->held_until() : Instant{};
}

// What cannot be renewed runs out by itself: held_until() tells whoever writes.
void KubeLease::keep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    wait_for(stop, times_.retry);
    if (stop.stop_requested()) return;
    const auto outcome = leases_->renew(stop);
    if (const auto* other = std::get_if<LeaseHeldBy>(&outcome))
      log_warning("the leases of the cluster's nodes are lost: " + other->text());
    if (const auto* problem = std::get_if<ApiError>(&outcome))
      log_warning("the leases of the cluster's nodes were not renewed: " + problem->message);
  }
}

}  // namespace rebalance
