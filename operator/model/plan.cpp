#include "model/plan.h"

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

}  // namespace rebalance
