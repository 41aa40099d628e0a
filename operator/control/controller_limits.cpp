// Limits that are raised in place for a run, and put back after it.
#include "base/wait.h"
#include "control/controller.h"

namespace rebalance {

void Controller::raise_limits(const RaiseLimits& raise) {
  raise_error_.reset();
  if (limits_ == nullptr) {
    raise_error_ = Error{ErrorCode::kInvalidInput, "there is no API server to resize a pod through"};
    return;
  }
  if (const auto raised = limits_->raise(raise.raises, observer_.pods(), reporter_); !raised)
    raise_error_ = raised.error();
  look_again_ = true;
}

void Controller::put_back_now(const World& world) {
  if (limits_ != nullptr) limits_->put_back(observer_.pods(), world, resource_.spec.headroom, reporter_);
}

// Memory that was freed is given back by allocators within seconds, and kubelets act within seconds. What
// takes longer is for a run that only closes (control/supervise.h).
void Controller::put_back_limits() {
  constexpr std::chrono::seconds kPatience{60};
  constexpr Millis kLookAgain{1000};
  const auto until = BootClock::now() + kPatience;
  while (limits_ != nullptr && !limits_->to_put_back().empty()) {
    const auto cluster = observer_.look();
    const auto world = make_world(cluster, observer_.pods(), {});
    put_back_now(world);
    if (limits_->to_put_back().empty()) return;
    if (BootClock::now() > until)
      return limits_->tell_what_stays(observer_.pods(), world, resource_.spec.headroom, reporter_);
    if (!wait_for(stop_, kLookAgain)) return;
  }
}

}  // namespace rebalance
