#include "kube/leader_elector.h"

#include <fmt/format.h>

#include <random>
#include <thread>

#include "base/host.h"
#include "base/log.h"
#include "kube/backoff.h"

namespace rebalance {
namespace {

// Candidates do not come back in step: up to 2.2 times the period.
Backoff between_tries(Millis retry) { return {retry, retry, 1, 1.2}; }

Status lost(std::string why) {
  return error(ErrorCode::kLost, fmt::format("the leadership is lost: {}", std::move(why)));
}

}  // namespace

std::string lease_identity() {
  std::random_device random;
  return fmt::format("{}_{:08x}{:08x}", host_name(), random(), random());
}

LeaderElector::LeaderElector(ApiClient& client, std::string name_space, std::string name,
                             std::string identity, LeaseTimes times, const Surroundings& around)
    : identity_(std::move(identity)),
      times_(times),
      around_(around),
      contender_(LeaseLock(client, std::move(name_space), std::move(name), times.call_deadline()), identity_,
                 times, around) {}

LeaseTry LeaderElector::try_once(std::stop_token stop) {
  auto tried = contender_.try_acquire_or_renew(std::move(stop));
  held_until_ = contender_.held_until().time_since_epoch().count();
  const std::scoped_lock lock(mutex_);
  const auto& seen = contender_.memory().seen;
  holder_ = seen ? seen->record.holder : std::string();
  transitions_ = seen ? seen->record.transitions : 0;
  return tried;
}

bool LeaderElector::acquire(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const auto tried = try_once(stop);
    if (std::holds_alternative<LeaseHeld>(tried)) return true;
    if (const auto* problem = std::get_if<ApiError>(&tried)) log_warning(problem->message);
    around_.wait(stop, between_tries(times_.retry).delay(0, around_.dice()));
  }
  return false;
}

Status LeaderElector::keep(std::stop_token ended) {
  while (true) {
    around_.wait(ended, times_.retry);
    if (ended.stop_requested()) return {};
    const auto tried = try_once({});
    if (const auto* other = std::get_if<LeaseHeldBy>(&tried)) return lost(other->text());
    const auto* problem = std::get_if<ApiError>(&tried);
    if (!problem) continue;
    log_warning(problem->message);
    if (around_.now() >= contender_.held_until()) return lost(problem->message);
  }
}

Status LeaderElector::run(const std::function<void(std::stop_token)>& lead, std::stop_token stop) {
  if (!acquire(stop)) return {};
  log_info(fmt::format("{} leads", identity_));
  std::stop_source ended;
  std::jthread worker([&](const std::stop_token& asked) {
    lead(asked);
    ended.request_stop();
  });
  const std::stop_callback forward(stop, [&worker] { worker.request_stop(); });
  const auto kept = keep(ended.get_token());
  worker.request_stop();
  worker.join();
  held_until_ = 0;
  contender_.release({});  // the server refuses it if somebody else holds it by now
  return kept;
}

std::string LeaderElector::holder() const {
  const std::scoped_lock lock(mutex_);
  return holder_;
}

int LeaderElector::transitions() const {
  const std::scoped_lock lock(mutex_);
  return transitions_;
}

}  // namespace rebalance
