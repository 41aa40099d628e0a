// Whatever a server may answer: the parsers end, and what they accept is within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "redis/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto view = rebalance::parse_cluster_nodes(text)) {
    for (const auto& node : view->nodes) {
      if (node.id.empty() || node.slots.size() > rebalance::kSlotCount) std::abort();
    }
    for (const auto& open : view->open) {
      if (open.slot >= rebalance::kSlotCount) std::abort();
    }
  }
  const rebalance::Info info(text);
  rebalance::parse_version(info);
  rebalance::parse_memory(info);
  rebalance::parse_replicas(info);
  rebalance::parse_modules(info);
  return 0;
}
