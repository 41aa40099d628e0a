// A plan as a page for a browser: one file, without scripts and without anything from elsewhere. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/spec.h"
#include "model/plan.h"
#include "model/world.h"

namespace rebalance {

struct PlanPage {
  const RedisRebalance& resource;
  const World& world;
  std::optional<Plan> plan;  // nothing: a finding stands in its way
  std::vector<Finding> findings;
  std::string when;  // it was looked at, RFC 3339
};

// Verdict with remedies, memory of each pod against its walls before, at its peak and after, why each pod
// gives or receives, the batches as a timeline and a table, engines, findings, notes. Whatever a name or a
// server's word holds is text there. At most 500 batches and 60 pairs are shown, and the rest counted.
std::string plan_html(const PlanPage& page);

}  // namespace rebalance
