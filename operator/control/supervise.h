// Whether a RedisRebalance that the API server knows should have a run here now. Pure; a controller over one
// resource (controller.h) does the work.
#pragma once

#include <cstdint>
#include <string>

#include "api/status.h"

namespace rebalance {

// One RedisRebalance, as the informer has it.
struct KnownObject {
  bool exists = false;
  std::string uid;
  std::int64_t generation = 0;
  bool deleting = false;  // deletionTimestamp
  bool finalizer = false;
  // From the status: what an earlier run came to, and for which generation.
  State state = State::kPlanning;
  std::int64_t observed_generation = 0;
  bool expired = false;  // its time to live after its end is over
};

// The run of that name in this process.
struct LocalRun {
  bool active = false;
  bool stopping = false;
  bool backing_off = false;  // it ended without a result, and its pause has not run out
  std::string uid;
  std::int64_t generation = 0;
  bool closing = false;        // it only closes what is open
  bool nothing_open = true;    // as it ended: the journal was empty, and no limit is raised
  bool limits_raised = false;  // only that is open, or it is not known what is
  int closings = 0;            // closing runs that ended with something still open
};

struct RunOrder {
  enum class Verb {
    kNothing,
    kStart,    // a run for this generation
    kStop,     // the run, at its next safe point
    kClose,    // a run that only closes what is open
    kHold,     // it must not run now: say so in the status
    kRelease,  // the finalizer: nothing is open, or nothing more can be done
    kDelete,   // the object: spec.ttlSecondsAfterFinished
    kForget,   // nothing is left to do for this name
  };
  Verb verb = Verb::kNothing;
  std::string reason;  // CamelCase, of kStop and kHold
  std::string why;     // a sentence for a person
};

struct Installation {
  std::string held;  // the installation's hold: who asked and why; empty: none
  bool room = true;  // another cluster may move
};

// What ended stays ended until the spec changes; another uid under the same name is another object.
RunOrder supervise(const KnownObject& object, const LocalRun& run, const Installation& around);

}  // namespace rebalance
