#include "codec/layout_codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {

std::string encode_layout(const InitialLayout& layout) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const auto& home : layout.homes)
    nodes.push_back({{"id", home.id}, {"pod", home.pod}, {"slots", home.slots.text()}});
  return nlohmann::json{{"when", layout.when}, {"nodes", std::move(nodes)}}.dump(1) + "\n";
}

Result<InitialLayout> decode_layout(const std::string& text) {
  try {
    const auto in = nlohmann::json::parse(text);
    InitialLayout layout{in.at("when").get<std::string>(), {}};
    for (const auto& node : in.at("nodes")) {
      layout.homes.push_back({node.at("id").get<std::string>(), node.at("pod").get<std::string>(),
                              SlotSet::parse(node.at("slots").get<std::string>()).value()});
    }
    return layout;
  } catch (const std::exception& problem) {  // json's own, and of an expected without a value
    return invalid_input(fmt::format("the layout of the start cannot be read: {}", problem.what()));
  }
}

}  // namespace rebalance
