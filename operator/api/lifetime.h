// How long a RedisRebalance is kept once it has come to its end: spec.ttlSecondsAfterFinished. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "api/spec.h"
#include "base/clock.h"

namespace rebalance {

// Why it is not deleted although the spec says when, as a sentence; empty: it is, or the spec asks for
// nothing. Only what an API server holds can be deleted, and what Flux or Argo CD own they would make again.
std::string ttl_ignored(const RedisRebalance& resource);

// From `now` until one that ended at `finished` (RFC 3339) is to be deleted; 0: it is due. Nothing: it stays,
// or has not ended.
std::optional<Millis> time_left(const RedisRebalance& resource, const std::string& finished,
                                std::chrono::system_clock::time_point now);

}  // namespace rebalance
