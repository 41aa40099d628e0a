// What the servers were like before the first slot moved, and what is worse now: asked after the canary's
// slots, and again and again after the end. One list of comparisons for both. Pure; private to reconcile/.
#pragma once

#include <optional>

#include "reconcile/step.h"

namespace rebalance {

// The figures of all servers at this moment.
Figures figures_now(const Scene& scene);

// What target and buffers may differ by without telling anything: a hundredth of the largest limit among the
// targets, 4 MiB at the least.
Bytes noise(const Plan& plan, const World& world);

// By how much a count grew that a server keeps from its start, and by how much it usually grows in as long.
struct Growth {
  std::int64_t more;
  double usual;
};
// Where it grew more than twice as fast as on the average of that server's life before: `first` in
// `life_seconds`. How often keys are evicted and clients turned away wavers with the clients.
std::optional<Growth> unusual(std::int64_t more, std::int64_t first, std::int64_t life_seconds,
                              double span_seconds);

// Our own probes against the baseline: more of them failed since `since` than canary.maxErrorPercent, or they
// take longer by more than canary.maxLatencyIncreasePercent. Nothing where either has no probes.
std::optional<Regression> what_clients_feel(const Step& step, const Figures& since);

// The servers' own figures against the baseline: replicas that fell behind, memory above the ceiling or the
// plan's prediction, evictions and rejected connections since `since`. The first that is worse.
std::optional<Regression> what_servers_say(const Step& step, const Figures& since);

}  // namespace rebalance
