#include "model/plan.h"

#include <algorithm>
#include <array>

namespace rebalance {

const char* engine_name(Engine engine) {
  switch (engine) {
    case Engine::kKeyByKey: return "KeyByKey";
    case Engine::kLiveCopy: return "LiveCopy";
    case Engine::kAtomicRedis: return "AtomicRedis";
    case Engine::kAtomicValkey: return "AtomicValkey";
  }
  return "Unknown";
}

std::optional<Engine> engine_of_name(std::string_view name) {
  constexpr std::array kAll{Engine::kKeyByKey, Engine::kLiveCopy, Engine::kAtomicRedis,
                            Engine::kAtomicValkey};
  const auto* found = std::ranges::find(kAll, name, engine_name);
  return found == kAll.end() ? std::nullopt : std::optional(*found);
}

bool is_atomic(Engine engine) { return engine == Engine::kAtomicRedis || engine == Engine::kAtomicValkey; }

Engine Plan::engine_of(const Batch& batch) const {
  const auto found = std::ranges::find_if(engines, [&](const PairEngine& pair) {
    return pair.source == batch.source && pair.target == batch.target;
  });
  return found == engines.end() ? Engine::kKeyByKey : found->engine;
}

const LimitRaise* find_raise(const std::vector<LimitRaise>& raises, const PodName& pod) {
  const auto at = std::ranges::find(raises, pod, &LimitRaise::pod);
  return at == raises.end() ? nullptr : &*at;
}

}  // namespace rebalance
