// When a limit that was raised in place goes back. Pure.
#pragma once

#include <string>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

struct WayBack {
  enum class Verb {
    kPutBack,  // the pod may have its old limit again
    kWait,     // for its memory, or for the kubelet
    kForget,   // it is back, or it is not ours to put back any more
  };
  LimitRaise raise;
  Verb verb = Verb::kWait;
  std::string why;  // a sentence with figures
};

// What the kubelet says of a resize: "the kubelet says Deferred: ...".
std::string kubelet_words(const PodResize& resize);

// For each limit of `raised` what is to be done now. A pod that is another one by now has the limit of its
// template; one whose limit somebody else has changed meanwhile keeps that. Never below what is used: see
// most_at_rest() (plan/stretch.h).
std::vector<WayBack> ways_back(const std::vector<LimitRaise>& raised, const std::vector<PodState>& pods,
                               const World& world, const HeadroomSpec& spec);

}  // namespace rebalance
