#include "plan/engine_choice.h"

#include <set>

namespace rebalance {
namespace {

constexpr Version kAtomicRedis{ServerKind::kRedis, 8, 4, 1};    // 8.4.0's has known defects
constexpr Version kAtomicValkey{ServerKind::kValkey, 9, 1, 2};  // those of 9.0 to 9.1.1 as well

bool moves_atomically(const WorldNode& node) {
  return node.version.kind == ServerKind::kRedis ? node.version >= kAtomicRedis
                                                 : node.version >= kAtomicValkey;
}

std::string reason(EngineChoice choice) {
  return choice == EngineChoice::kKeyByKey ? "engine KeyByKey is asked for"
                                           : "the only engine of this version";
}

std::string better_one(const WorldNode& source, const WorldNode& target, EngineChoice choice) {
  if (choice == EngineChoice::kKeyByKey) return {};
  if (source.version.kind != target.version.kind) {
    return "atomic migration, once it is there, needs one kind of server on both sides";
  }
  if (moves_atomically(source) && moves_atomically(target)) {
    return "both servers offer atomic migration; this version cannot use it yet";
  }
  const bool redis = source.version.kind == ServerKind::kRedis;
  return std::string("upgrade both to ") + (redis ? "Redis 8.4.1" : "Valkey 9.1.2") +
         " or later for atomic migration, once this program has it";
}

}  // namespace

std::vector<PairEngine> choose_engines(const World& world, const std::vector<Batch>& batches,
                                       EngineChoice choice) {
  std::vector<PairEngine> engines;
  std::set<std::pair<NodeId, NodeId>> seen;
  for (const auto& batch : batches) {
    if (!seen.insert({batch.source, batch.target}).second) continue;
    const auto &source = *world.find(batch.source), &target = *world.find(batch.target);
    engines.push_back(
        {source.id, target.id, Engine::kKeyByKey, reason(choice), better_one(source, target, choice)});
  }
  return engines;
}

}  // namespace rebalance
