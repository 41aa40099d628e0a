#include "codec/cold_keys_codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using nlohmann::json;

json encode_pod(const PodName& name, const ColdPod& pod) {
  const auto& count = pod.count;
  json out = {{"pod", name},
              {"slots", pod.slots.text()},
              {"keys", count.keys},
              {"lookedAt", count.looked_at},
              {"expired", count.expired},
              {"cold", count.cold},
              {"coldBytes", count.bytes},
              {"deleted", count.deleted}};
  if (!pod.deleting.empty()) out["deleting"] = pod.deleting.text();
  if (!pod.names.empty()) out["names"] = pod.names;
  if (pod.names_left_out > 0) out["namesLeftOut"] = pod.names_left_out;
  return out;
}

SlotSet slots_at(const json& in, const char* name) {
  const auto text = in.value(name, std::string());
  return text.empty() ? SlotSet() : SlotSet::parse(text).value();
}

ColdPod decode_pod(const json& in) {
  const auto number = [&](const char* name) { return in.value(name, std::int64_t{0}); };
  ColdPod pod{slots_at(in, "slots"),
              slots_at(in, "deleting"),
              {number("keys"), number("lookedAt"), number("expired"), number("cold"), number("coldBytes"),
               number("deleted")},
              in.value("names", std::vector<std::string>()),
              number("namesLeftOut")};
  return pod;
}

}  // namespace

std::string encode_cold_keys(const ColdPods& pods, int idle_seconds) {
  json out = {{"idleSeconds", idle_seconds}, {"pods", json::array()}};
  for (const auto& [name, pod] : pods) out["pods"].push_back(encode_pod(name, pod));
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<ColdPods> decode_cold_keys(const std::string& text) {
  try {
    ColdPods pods;
    const auto in = json::parse(text);
    for (const auto& pod : in.at("pods")) pods[pod.at("pod").get<std::string>()] = decode_pod(pod);
    return pods;
  } catch (const std::exception& problem) {  // json's own, and of an expected without a value
    return invalid_input(fmt::format("cold-keys.json cannot be read: {}", problem.what()));
  }
}

}  // namespace rebalance
