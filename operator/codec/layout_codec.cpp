#include "codec/layout_codec.h"

#include <nlohmann/json.hpp>

namespace rebalance {

std::string encode_layout(const World& world, const std::string& when) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const auto* node : world.primaries())
    nodes.push_back({{"id", node->id}, {"pod", node->pod}, {"slots", node->slots.text()}});
  return nlohmann::json{{"when", when}, {"nodes", std::move(nodes)}}.dump(1) + "\n";
}

}  // namespace rebalance
