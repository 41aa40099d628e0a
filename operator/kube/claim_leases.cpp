#include "kube/claim_leases.h"

#include <algorithm>
#include <optional>

namespace rebalance {

std::string claim_lease_name(const std::string& node_id) { return "redis-rebalance-node-" + node_id; }

ClaimLeases::ClaimLeases(ApiClient& client, const std::string& name_space, std::vector<std::string> node_ids,
                         const std::string& holder, LeaseTimes times, const Surroundings& around) {
  std::sort(node_ids.begin(), node_ids.end());
  node_ids.erase(std::unique(node_ids.begin(), node_ids.end()), node_ids.end());
  for (const auto& id : node_ids)
    contenders_.emplace_back(LeaseLock(client, name_space, claim_lease_name(id), times.call_deadline()),
                             holder, times, around);
}

LeaseTry ClaimLeases::take_all(std::stop_token stop) {
  std::optional<LeaseHeldBy> first;
  for (auto& contender : contenders_) {
    const auto looked = contender.look(stop);
    if (const auto* problem = std::get_if<ApiError>(&looked)) return *problem;
    const auto* other = std::get_if<LeaseHeldBy>(&looked);
    if (other && !first) first = *other;
  }
  if (first) return *first;
  for (auto& contender : contenders_) {
    auto tried = contender.try_acquire_or_renew(stop);
    if (!std::holds_alternative<LeaseHeld>(tried)) return tried;
  }
  return LeaseHeld{};
}

LeaseTry ClaimLeases::acquire(std::stop_token stop) {
  const std::scoped_lock lock(mutex_);
  auto taken = take_all(std::move(stop));
  if (!std::holds_alternative<LeaseHeld>(taken)) give_back();
  publish();
  return taken;
}

LeaseTry ClaimLeases::renew(std::stop_token stop) {
  const std::scoped_lock lock(mutex_);
  std::optional<LeaseTry> worst;
  for (auto& contender : contenders_) {
    auto tried = contender.try_acquire_or_renew(stop);
    if (std::holds_alternative<LeaseHeld>(tried)) continue;
    if (!worst || std::holds_alternative<LeaseHeldBy>(tried)) worst = std::move(tried);
  }
  publish();
  return worst ? *worst : LeaseHeld{};
}

void ClaimLeases::release() {
  const std::scoped_lock lock(mutex_);
  held_until_ = 0;
  give_back();
}

void ClaimLeases::give_back() {
  for (auto& contender : contenders_) contender.release({});
}

void ClaimLeases::publish() {
  auto earliest = Instant::max();
  for (const auto& contender : contenders_) earliest = std::min(earliest, contender.held_until());
  held_until_ = contenders_.empty() ? 0 : earliest.time_since_epoch().count();
}

}  // namespace rebalance
