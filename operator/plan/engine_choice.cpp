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

const Version& sound(const WorldNode& node) { return is_redis(node) ? kSoundRedis : kSoundValkey; }

const char* rights(const WorldNode& node) {
  return is_redis(node) ? "+cluster|migration"
                        : "+cluster|migrateslots +cluster|getslotmigrations +cluster|cancelslotmigrations";
}

// Why the pair cannot move atomically, and what it would need.
struct Obstacle {
  std::string why, lacking;
};

// nullopt: it can.
std::optional<Obstacle> obstacle(const WorldNode& source, const WorldNode& target,
                                 const RebalanceSpec& spec) {
  const auto upgrade = fmt::format("upgrade both to {} or later for atomic migration", sound(source).text());
  if (source.version.kind != target.version.kind) {
    return Obstacle{
        fmt::format("{} and {} are different servers", source.version.text(), target.version.text()),
        upgrade};
  }
  for (const auto* node : {&source, &target}) {
    if (!moves_atomically(*node, spec.accept_unsafe_versions)) {
      const char* what = moves_atomically(*node, true) ? "has an atomic slot migration with known defects"
                                                       : "has no atomic slot migration";
      return Obstacle{fmt::format("{} of {} {}", node->version.text(), node->pod, what), upgrade};
    }
    if (node->atomic_denied) {
      return Obstacle{fmt::format("the user may not command atomic migrations on {}", node->pod),
                      fmt::format("give it {} (docs/acl.md)", rights(*node))};
    }
  }
  return std::nullopt;
}

}  // namespace

PairEngine choose_engine(const WorldNode& source, const WorldNode& target, const RebalanceSpec& spec) {
  PairEngine pair{source.id, target.id, Engine::kKeyByKey, "engine KeyByKey is asked for", ""};
  if (spec.engine == EngineChoice::kKeyByKey) return pair;
  if (auto against = obstacle(source, target, spec)) {
    pair.why = std::move(against->why);
    pair.lacking = std::move(against->lacking);
    return pair;
  }
  pair.engine = is_redis(source) ? Engine::kAtomicRedis : Engine::kAtomicValkey;
  pair.why = fmt::format("both ends are {} or newer: slots change hands in one go", sound(source).text());
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
