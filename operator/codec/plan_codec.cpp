#include "codec/plan_codec.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;

// Four digits after the point are more than a skew means.
double rounded(double value) { return std::round(value * 10000) / 10000; }

Json encode(const Batch& batch, const std::map<NodeId, PodName>& pods) {
  return {{"index", batch.index},        {"source", pods.at(batch.source)}, {"target", pods.at(batch.target)},
          {"slots", batch.slots.text()}, {"slotCount", batch.slots.size()}, {"bytes", batch.bytes},
          {"keys", batch.keys},          {"sourceID", batch.source},        {"targetID", batch.target}};
}

Json encode(const PairEngine& pair, const std::map<NodeId, PodName>& pods) {
  return {{"source", pods.at(pair.source)},
          {"target", pods.at(pair.target)},
          {"engine", engine_name(pair.engine)},
          {"why", pair.why},
          {"lacking", pair.lacking}};
}

Json encode(const NodeForecast& node) {
  return {
      {"pod", node.pod},
      {"id", node.id},
      {"role", node.role == Role::kPrimary ? "Primary" : "Replica"},
      {"limit", node.limit},
      {"ceiling", node.ceiling},
      {"flood", node.flood},
      {"used", node.used},
      {"resident", node.base},
      {"forkReserve", node.fork_reserve},
      {"peak", node.peak},
      {"peakBatch", node.peak_batch},
      {"before", {{"slots", node.slots_before}, {"bytes", node.bytes_before}, {"keys", node.keys_before}}},
      {"after",
       {{"slots", node.slots_after},
        {"bytes", node.bytes_after},
        {"keys", node.keys_after},
        {"used", node.used_after},
        {"resident", node.base_after}}},
      {"why", node.why}};
}

Json encode(const Remedy& remedy) {
  Json out = {{"kind", remedy.kind}, {"message", remedy.sentence}, {"value", remedy.value}};
  if (!remedy.pods.empty()) out["pods"] = remedy.pods;
  for (const auto& [slots, pod] : remedy.part) {
    out["assignments"].push_back({{"slots", slots.text()}, {"to", pod}});
  }
  return out;
}

Json encode(const Refusal& refusal) {
  Json out = {{"rule", refusal.rule},
              {"pod", refusal.pod},
              {"shortBytes", refusal.short_bytes},
              {"message", refusal.sentence},
              {"remedies", Json::array()}};
  for (const auto& remedy : refusal.remedies) out["remedies"].push_back(encode(remedy));
  return out;
}

}  // namespace

std::string plan_json(const Plan& plan) {
  std::map<NodeId, PodName> pods;
  for (const auto& node : plan.nodes) pods[node.id] = node.pod;
  for (const auto& batch : plan.batches) pods.try_emplace(batch.source), pods.try_emplace(batch.target);
  for (const auto& pair : plan.engines) pods.try_emplace(pair.source), pods.try_emplace(pair.target);

  Json out = {{"hash", plan.hash},
              {"slots", plan.slots},
              {"bytes", plan.bytes},
              {"bytesErrorPercent", rounded(plan.bytes_error_percent)},
              {"keys", plan.keys},
              {"skewBefore", rounded(plan.skew_before)},
              {"skewAfter", rounded(plan.skew_after)},
              {"refusal", plan.refusal ? encode(*plan.refusal) : Json()},
              {"nodes", Json::array()},
              {"engines", Json::array()},
              {"batches", Json::array()},
              {"notes", plan.notes}};
  for (const auto& raise : plan.raises)
    out["raises"].push_back({{"pod", raise.pod}, {"from", raise.from}, {"to", raise.to}});
  for (const auto& node : plan.nodes) out["nodes"].push_back(encode(node));
  for (const auto& pair : plan.engines) out["engines"].push_back(encode(pair, pods));
  for (const auto& batch : plan.batches) out["batches"].push_back(encode(batch, pods));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rebalance
