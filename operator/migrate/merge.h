// Brings keys of slots that a node holds without owning them to the owner: Repair's "cold" move. Never
// REPLACE unless both values are equal; ownership does not change.
#pragma once

#include <memory>

#include "migrate/key_by_key.h"

namespace rebalance {

// `job.source` holds the stray keys, `job.target` owns the slots. Marks them IMPORTING on the source first,
// since MIGRATE (and from Redis 8.4 even counting) needs an open slot, and STABLE when they are empty.
std::unique_ptr<GroupEngine> make_merge(GroupJob job, Pace& pace);

}  // namespace rebalance
