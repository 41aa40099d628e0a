// A small cluster, what may happen to it and to its resource, and what carries out decide's answers: the
// world that the search for a way without an end goes through.
#pragma once

#include <string>
#include <vector>

#include "../drive.h"

namespace rebalance::model {

enum class Event {
  kNothing,
  kHang,         // what runs takes longer
  kLost,         // what ran has ended, and nobody tells of it
  kTwice,        // it is told twice
  kStale,        // who owns what is seen as it was a step ago
  kBatchFails,   // half of it has moved, and a slot stays open
  kUnreachable,  // a node does not answer, until it answers again
  kReachable,
  kClaimLost,      // while it is held
  kAnotherClaims,  // once nothing runs
  kOtherGone,
  kRepairFails,  // the next one
  kRestart,      // of a server
  kLimitLowered,
  kCrash,  // of this program: what ran is open, what was noted is gone
  kNight,
  kDay,
  kPause,
  kCancel,
  kRollBack,
  kPlanOnly,
  kRun,
  kApprove,  // the plan that the status shows
};
const char* name_of(Event event);
const std::vector<Event>& all_events();

class Way : public Drive {
 public:
  // After `event` one answer of decide, which is carried out. What it broke is noted. Whether it did
  // something or changed the state.
  bool step(Event event);
  // All faults end, and nobody changes the spec any more.
  void calm();
  void calm_but_claims();  // claims are made by whoever else is there
  // As it is at rest: what it says must be true.
  void look_at_the_end();

  std::vector<std::string> broken;

 private:
  void happen(Event event);
  void spec(Event event);
  void go_on(Event event);
  void fail(const Batch& batch);
  void carry_out();
  void repair();
  void stop_running();
  std::vector<WorldNode> nodes_before_;
  bool repair_fails_ = false;
};

}  // namespace rebalance::model
