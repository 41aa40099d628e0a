#include "codec/limits_codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {

using nlohmann::json;

std::string encode_limits(const std::vector<LimitRaise>& limits) {
  json out = json::array();
  for (const auto& raise : limits) {
    out.push_back({{"pod", raise.pod},
                   {"uid", raise.uid},
                   {"from", raise.from},
                   {"to", raise.to},
                   {"stays", raise.stays}});
  }
  return json{{"limits", std::move(out)}}.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<std::vector<LimitRaise>> decode_limits(const std::string& text) {
  try {
    std::vector<LimitRaise> limits;
    const auto in = json::parse(text);
    for (const auto& raise : in.at("limits")) {
      limits.push_back({raise.at("pod").get<std::string>(), raise.at("from").get<Bytes>(),
                        raise.at("to").get<Bytes>(), raise.at("uid").get<std::string>(),
                        raise.at("stays").get<std::string>()});
    }
    return limits;
  } catch (const std::exception& problem) {
    return invalid_input(fmt::format("the record of raised limits cannot be read: {}", problem.what()));
  }
}

std::string resize_patch(const PodState& pod, Bytes limit) {
  const json memory{{"memory", quantity_text(limit)}};
  json resources{{"limits", memory}};
  if (pod.resize.guaranteed) resources["requests"] = memory;
  const json container{{"name", pod.container}, {"resources", std::move(resources)}};
  return json{{"metadata", {{"uid", pod.uid}}}, {"spec", {{"containers", json::array({container})}}}}.dump();
}

}  // namespace rebalance
