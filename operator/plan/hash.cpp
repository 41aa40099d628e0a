#include "plan/hash.h"

#include <fmt/format.h>

#include <cstdint>
#include <set>

namespace rebalance {
namespace {

// http://www.isthe.com/chongo/tech/comp/fnv/
std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return hash;
}

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
  return text;
}

}  // namespace

std::string plan_hash(const Plan& plan) { return fmt::format("{:016x}", fnv1a(canonical_text(plan))); }

}  // namespace rebalance
