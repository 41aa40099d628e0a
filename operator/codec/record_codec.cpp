#include "codec/record_codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

json encode_batch(const Batch& batch) {
  return {{"index", batch.index},        {"source", batch.source}, {"target", batch.target},
          {"slots", batch.slots.text()}, {"bytes", batch.bytes},   {"keys", batch.keys}};
}

Batch decode_batch(const json& in) {
  Batch batch;
  batch.index = in.at("index").get<int>();
  batch.source = in.at("source").get<std::string>();
  batch.target = in.at("target").get<std::string>();
  batch.slots = SlotSet::parse(in.at("slots").get<std::string>()).value();
  batch.bytes = in.at("bytes").get<Bytes>();
  batch.keys = in.at("keys").get<std::int64_t>();
  return batch;
}

json encode_engine(const PairEngine& pair) {
  return {{"source", pair.source},
          {"target", pair.target},
          {"engine", engine_name(pair.engine)},
          {"why", pair.why},
          {"lacking", pair.lacking}};
}

PairEngine decode_engine(const json& in) {
  PairEngine pair;
  pair.source = in.at("source").get<std::string>();
  pair.target = in.at("target").get<std::string>();
  pair.engine = engine_of_name(in.at("engine").get<std::string>()).value();
  pair.why = in.at("why").get<std::string>();
  pair.lacking = in.at("lacking").get<std::string>();
  return pair;
}

json encode_raises(const Plan& plan) {
  json raises = json::array();
  for (const auto& raise : plan.raises)
    raises.push_back({{"pod", raise.pod}, {"from", raise.from}, {"to", raise.to}});
  return raises;
}

Plan decode_plan(const json& in) {
  Plan plan;
  plan.hash = in.at("hash").get<std::string>();
  plan.slots = in.at("slots").get<int>();
  plan.bytes = in.at("bytes").get<Bytes>();
  plan.keys = in.at("keys").get<std::int64_t>();
  plan.skew_before = in.at("skewBefore").get<double>();
  plan.skew_after = in.at("skewAfter").get<double>();
  for (const auto& batch : in.at("batches")) plan.batches.push_back(decode_batch(batch));
  for (const auto& pair : in.at("engines")) plan.engines.push_back(decode_engine(pair));
  for (const auto& [pod, limit] : in.at("limits").items()) {
    NodeForecast node;
    node.pod = pod;
    node.limit = limit.get<Bytes>();
    plan.nodes.push_back(std::move(node));
  }
  for (const auto& raise : in.value("raises", json::array())) {  // not there: of an earlier version
    plan.raises.push_back({raise.at("pod").get<std::string>(),
                           raise.at("from").get<Bytes>(),
                           raise.at("to").get<Bytes>(),
                           {},
                           {}});
  }
  return plan;
}

std::optional<RollBack> decode_roll_back(const json& in) {
  if (!in.contains("rollBack")) return std::nullopt;
  const json& back = in.at("rollBack");
  return RollBack{back.at("asked").get<bool>(), back.at("why").get<std::string>()};
}

}  // namespace

std::string encode_record(const Record& record) {
  const Plan& plan = record.plan;
  json batches = json::array();
  for (const auto& batch : plan.batches) batches.push_back(encode_batch(batch));
  json engines = json::array();
  for (const auto& pair : plan.engines) engines.push_back(encode_engine(pair));
  json limits = json::object();
  for (const auto& node : plan.nodes) limits[node.pod] = node.limit;
  json out = {{"format", kFormat},
              {"resource", record.resource},
              {"fingerprint", record.fingerprint},
              {"when", record.when},
              {"approved", record.approved},
              {"plan",
               {{"hash", plan.hash},
                {"slots", plan.slots},
                {"bytes", plan.bytes},
                {"keys", plan.keys},
                {"skewBefore", plan.skew_before},
                {"skewAfter", plan.skew_after},
                {"limits", std::move(limits)},
                {"raises", encode_raises(plan)},
                {"engines", std::move(engines)},
                {"batches", std::move(batches)}}}};
  if (record.roll_back)
    out["rollBack"] = {{"asked", record.roll_back->asked}, {"why", record.roll_back->why}};
  return out.dump(1) + "\n";
}

Result<Record> decode_record(const std::string& text) {
  try {
    const json in = json::parse(text);
    if (in.at("format").get<int>() != kFormat)
      return invalid_input("the record was written by another version of the program");
    return Record{in.at("resource").get<std::string>(),
                  in.at("fingerprint").get<std::string>(),
                  in.at("when").get<std::string>(),
                  in.at("approved").get<bool>(),
                  decode_roll_back(in),
                  decode_plan(in.at("plan"))};
  } catch (const std::exception& problem) {  // json's own, and of an empty optional or expected
    return invalid_input(fmt::format("the record of the last run cannot be read: {}", problem.what()));
  }
}

}  // namespace rebalance
