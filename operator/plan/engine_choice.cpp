#include "plan/engine_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace rebalance {
namespace {

// Before these the atomic migration has known defects: Redis issue 14637, Valkey issue 4545.
constexpr Version kSoundRedis{ServerKind::kRedis, 8, 4, 1};
constexpr Version kSoundValkey{ServerKind::kValkey, 9, 1, 2};
constexpr Version kFirstRedis{ServerKind::kRedis, 8, 4, 0};
constexpr Version kFirstValkey{ServerKind::kValkey, 9, 0, 0};

// The minors on which tests/servers/live_copy_test.cpp proves live copy. Valkey 8 cannot have
// it: CLUSTER SETSLOT within a transaction ends 8.1.1 as soon as it has a replica.
constexpr std::array<std::pair<int, int>, 3> kLiveRedis{{{6, 2}, {7, 0}, {8, 0}}};

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

bool copies_live(const WorldNode& node) {
  const std::pair minor{node.version.major, node.version.minor};
  return is_redis(node) && std::ranges::find(kLiveRedis, minor) != kLiveRedis.end();
}

std::string live_versions() {
  std::vector<std::string> names;
  for (const auto& [major, minor] : kLiveRedis) names.push_back(fmt::format("{}.{}", major, minor));
  return fmt::format("Redis {}", fmt::join(names, ", "));
}

// The same for live copy. A payload of a newer server is not read by an older one.
std::optional<Obstacle> live_obstacle(const WorldNode& source, const WorldNode& target) {
  for (const auto* node : {&source, &target}) {
    if (!copies_live(*node)) {
      return Obstacle{fmt::format("live copy is not proven on {} of {}", node->version.text(), node->pod),
                      fmt::format("it is on {}", live_versions())};
    }
    if (!node->live_denied.empty()) {
      return Obstacle{fmt::format("the user may not copy live on {}", node->pod),
                      fmt::format("give it {} (docs/acl.md)", node->live_denied)};
    }
  }
  if (target.version < source.version) {
    return Obstacle{fmt::format("{} of {} is older than {} of {}", target.version.text(), target.pod,
                                source.version.text(), source.pod),
                    fmt::format("upgrade {}", target.pod)};
  }
  return std::nullopt;
}

}  // namespace

// The best that both ends can have, or the one that is asked for where they can; what a better one lacks.
PairEngine choose_engine(const WorldNode& source, const WorldNode& target, const RebalanceSpec& spec) {
  const auto pair = [&](Engine engine, std::string why, std::string lacking = "") {
    return PairEngine{source.id, target.id, engine, std::move(why), std::move(lacking)};
  };
  const std::string fenced = "copies first, then a hand-over that the source itself fences";
  if (spec.engine == EngineChoice::kKeyByKey) return pair(Engine::kKeyByKey, "engine KeyByKey is asked for");
  const auto no_live = live_obstacle(source, target), no_atomic = obstacle(source, target, spec);
  if (spec.engine == EngineChoice::kLiveCopy) {
    return no_live ? pair(Engine::kKeyByKey, no_live->why, no_live->lacking)
                   : pair(Engine::kLiveCopy, "it is asked for: " + fenced);
  }
  if (!no_atomic) {
    return pair(is_redis(source) ? Engine::kAtomicRedis : Engine::kAtomicValkey,
                fmt::format("both ends are {} or newer: slots change hands in one go", sound(source).text()));
  }
  if (spec.engine == EngineChoice::kAuto && !no_live) {
    return pair(Engine::kLiveCopy, fmt::format("{}: {}", no_atomic->why, fenced), no_atomic->lacking);
  }
  std::string lacking = no_atomic->lacking;
  if (no_live && copies_live(source) && copies_live(target)) {
    lacking += fmt::format(", or for live copy: {}", no_live->lacking);
  }
  return pair(Engine::kKeyByKey, no_atomic->why, std::move(lacking));
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
  const bool atomic = spec.engine == EngineChoice::kAtomic, live = spec.engine == EngineChoice::kLiveCopy;
  if (!atomic && !live) return std::nullopt;
  for (const auto& pair : engines) {
    if (atomic ? is_atomic(pair.engine) : pair.engine == Engine::kLiveCopy) continue;
    const auto& target = *world.find(pair.target);
    return Refusal{atomic ? "AtomicNotPossible" : "LiveCopyNotPossible",
                   target.pod,
                   0,
                   fmt::format("{} cannot give to {} with engine {}: {}; {}, or use engine Auto",
                               world.find(pair.source)->pod, target.pod, atomic ? "Atomic" : "LiveCopy",
                               pair.why, pair.lacking),
                   {}};
  }
  return std::nullopt;
}

}  // namespace rebalance
