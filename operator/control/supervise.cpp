#include "control/supervise.h"

#include "reconcile/decide.h"

namespace rebalance {
namespace {

using Verb = RunOrder::Verb;

// After so many the finalizer goes although slots are open: pods and secrets may be gone for good, and a
// namespace that cannot be deleted helps nobody. What is open is in the log and a Repair finds it.
constexpr int kMostClosings = 3;

RunOrder stop(const LocalRun& run, std::string reason, std::string why) {
  return run.stopping ? RunOrder{} : RunOrder{Verb::kStop, std::move(reason), std::move(why)};
}

// An end needs no finalizer once nothing is open, and without one it may go when its time is over. What an
// earlier process left is looked at first.
RunOrder rest(const KnownObject& object, const LocalRun& run) {
  if (run.backing_off) return {};
  if (!object.finalizer)
    return object.expired && is_final(object.state) ? RunOrder{Verb::kDelete, {}, {}} : RunOrder{};
  const bool ours = run.uid == object.uid;
  if (ours && run.nothing_open) return {Verb::kRelease, {}, {}};
  // Memory may let a raised limit go back much later: that is looked at again as long as it takes.
  const bool enough = ours && run.closings >= kMostClosings && !run.limits_raised;
  return enough ? RunOrder{} : RunOrder{Verb::kClose, {}, {}};
}

RunOrder leave(const KnownObject& object, const LocalRun& run) {
  if (run.active && !run.closing) return stop(run, "Deleted", "the RedisRebalance is being deleted");
  if (run.active || run.backing_off) return {};
  if (!object.finalizer) return {Verb::kForget, {}, {}};
  const bool ours = run.uid == object.uid;
  if (ours && run.nothing_open) return {Verb::kRelease, {}, {}};
  if (ours && run.closings >= kMostClosings) return {Verb::kRelease, {}, {}};
  return {Verb::kClose, {}, {}};
}

}  // namespace

RunOrder supervise(const KnownObject& object, const LocalRun& run, const Installation& around) {
  if (run.active && (!object.exists || run.uid != object.uid))
    return stop(run, "Deleted", "the RedisRebalance is gone");
  if (!object.exists) return {Verb::kForget, {}, {}};
  if (object.deleting) return leave(object, run);
  if (run.active && run.generation != object.generation)
    return stop(run, "SpecChanged", "the spec has changed: going on with the new one");
  if (run.active && !around.held.empty()) return stop(run, "Held", around.held);
  if (run.active) return {};
  // Cancelled and RolledBack are final whatever the spec says now: what a person took back is not begun again
  // because Git still says Run.
  const bool latched = object.state == State::kCancelled || object.state == State::kRolledBack;
  const bool seen = object.observed_generation == object.generation || latched;
  if (rests(object.state) && seen) return rest(object, run);
  if (run.backing_off && run.generation == object.generation) return {};
  if (!around.held.empty()) return {Verb::kHold, "Held", around.held};
  if (!around.room)
    return {Verb::kHold, "WaitingForRoom", "as many clusters as this operator may move at once are moving"};
  return {Verb::kStart, {}, {}};
}

}  // namespace rebalance
