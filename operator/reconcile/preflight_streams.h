// Whether the replicas of a plan's targets can follow: their stream carries what moves. Pure.
#pragma once

#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

// Warnings, each at most once for a plan:
//   ReplicaBufferSmall  a target's client-output-buffer-limit for replicas does not hold the largest batch
//   BacklogSmall        a target's repl-backlog-size does not, with what its clients write in a minute
// Sources are not judged: their stream carries no more than the deletions.
std::vector<Finding> stream_findings(const Plan& plan, const World& world, const BatchSpec& spec);

}  // namespace rebalance
