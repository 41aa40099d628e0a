#include "plan/hash.h"

#include <fmt/format.h>

#include <set>

#include "base/fnv.h"

namespace rebalance {
namespace {

std::string canonical_text(const Plan& plan) {
  std::string text;
  std::set<NodeId> touched;
  for (const auto& batch : plan.batches) {
    text += fmt::format("move {} {} {}\n", batch.source, batch.target, batch.slots.text());
    touched.insert({batch.source, batch.target});
  }
  for (const auto& pair : plan.engines) {
    text += fmt::format("engine {} {} {}\n", pair.source, pair.target, engine_name(pair.engine));
  }
  for (const auto& node : plan.nodes) {
    if (touched.contains(node.id)) text += fmt::format("limit {} {}\n", node.id, node.limit);
  }
  for (const auto& raise : plan.raises)
    text += fmt::format("raise {} {} {}\n", raise.pod, raise.from, raise.to);
  return text;
}

}  // namespace

std::string plan_hash(const Plan& plan) { return fmt::format("{:016x}", fnv1a(canonical_text(plan))); }

}  // namespace rebalance
