#include "plan/engine_choice.h"

#include <fmt/format.h>

#include <set>

namespace rebalance {
namespace {

// Before these the atomic migration has known defects: Redis issue 14637, Valkey issue 4545.
constexpr Version kSoundRedis{ServerKind::kRedis, 8, 4, 1};
constexpr Version kSoundValkey{ServerKind::kValkey, 9, 1, 2};
constexpr Version kFirstRedis{ServerKind::kRedis, 8, 4, 0};
constexpr Version kFirstValkey{ServerKind::kValkey, 9, 0, 0};

bool is_redis(const WorldNode& node) { return node.version.kind == ServerKind::kRedis; }

bool moves_atomically(const WorldNode& node, bool accept_unsafe) {
  if (is_redis(node)) return node.version >= (accept_unsafe ? kFirstRedis : kSoundRedis);
  return node.version >= (accept_unsafe ? kFirstValkey : kSoundValkey);
}

// Why the pair cannot move atomically; empty: it can.
std::string obstacle(const WorldNode& source, const WorldNode& target, const RebalanceSpec& spec) {
  if (source.version.kind != target.version.kind)
    return fmt::format("{} and {} are different servers", source.version.text(), target.version.text());
  for (const auto* node : {&source, &target}) {
    if (moves_atomically(*node, spec.accept_unsafe_versions)) continue;
    const bool unsafe = moves_atomically(*node, true);
    return fmt::format(
        "{} of {} {}", node->version.text(), node->pod,
        unsafe ? "has an atomic slot migration with known defects" : "has no atomic slot migration");
  }
  return {};
}

}  // namespace

PairEngine choose_engine(const WorldNode& source, const WorldNode& target, const RebalanceSpec& spec) {
  PairEngine pair{source.id, target.id, Engine::kKeyByKey, "engine KeyByKey is asked for", ""};
  if (spec.engine == EngineChoice::kKeyByKey) return pair;
  const auto why_not = obstacle(source, target, spec);
  if (why_not.empty()) {
    pair.engine = is_redis(source) ? Engine::kAtomicRedis : Engine::kAtomicValkey;
    pair.why = fmt::format("both ends are {} or newer: slots change hands in one go",
                           (is_redis(source) ? kSoundRedis : kSoundValkey).text());
    return pair;
  }
  pair.why = why_not;
  pair.lacking = fmt::format("upgrade both to {} or later for atomic migration",
                             (is_redis(source) ? kSoundRedis : kSoundValkey).text());
  return pair;
}

std::vector<PairEngine> choose_engines(const World& world, const std::vector<Batch>& batches,
                                       const RebalanceSpec& spec) {
  std::vector<PairEngine> engines;
  std::set<std::pair<NodeId, NodeId>> seen;
  for (const auto& batch : batches) {
    if (!seen.insert({batch.source, batch.target}).second) continue;
    engines.push_back(choose_engine(*world.find(batch.source), *world.find(batch.target), spec));
  }
  return engines;
}

std::optional<Refusal> refuse_engine(const std::vector<PairEngine>& engines, const World& world,
                                     const RebalanceSpec& spec) {
  if (spec.engine != EngineChoice::kAtomic) return std::nullopt;
  for (const auto& pair : engines) {
    if (is_atomic(pair.engine)) continue;
    const auto& target = *world.find(pair.target);
    return Refusal{"AtomicNotPossible",
                   target.pod,
                   0,
                   fmt::format("{} cannot give to {} with engine Atomic: {}; {}, or use engine Auto",
                               world.find(pair.source)->pod, target.pod, pair.why, pair.lacking),
                   {}};
  }
  return std::nullopt;
}

}  // namespace rebalance
