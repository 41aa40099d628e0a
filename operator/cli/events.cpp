#include "cli/events.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;  // fields in the order in which a person reads them

Json event(const char* name, const std::string& time) { return {{"event", name}, {"time", time}}; }

// Server texts may hold any byte; what is no UTF-8 is replaced.
std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// -1 stands for "not known"; in JSON that is null.
Json seconds(double value) { return value < 0 || !std::isfinite(value) ? Json(nullptr) : Json(value); }

Json refusal_json(const Refusal& refusal) {
  Json remedies = Json::array();
  for (const auto& remedy : refusal.remedies) {
    remedies.push_back(
        {{"kind", remedy.kind}, {"pod", remedy.pod}, {"value", remedy.value}, {"sentence", remedy.sentence}});
  }
  return {{"rule", refusal.rule},
          {"pod", refusal.pod},
          {"shortBytes", refusal.short_bytes},
          {"sentence", refusal.sentence},
          {"remedies", remedies}};
}

Json pods_json(const std::vector<PodView>& pods) {
  Json out = Json::array();
  for (const auto& pod : pods) {
    out.push_back({{"pod", pod.pod},
                   {"limitBytes", pod.limit},
                   {"ceilingBytes", pod.ceiling},
                   {"usedBytes", pod.base},
                   {"peakBytes", pod.peak}});
  }
  return out;
}

Json pairs_json(const std::vector<PairView>& pairs) {
  Json out = Json::array();
  for (const auto& pair : pairs) {
    out.push_back({{"source", pair.source},
                   {"target", pair.target},
                   {"running", pair.running},
                   {"slotsDone", pair.slots_done},
                   {"slotsTotal", pair.slots_total},
                   {"keysDone", pair.keys_done},
                   {"keysTotal", pair.keys_total},
                   {"bytesDone", pair.bytes_done},
                   {"bytesTotal", pair.bytes_total},
                   {"bytesPerSecond", static_cast<Bytes>(pair.bytes_per_second)},
                   {"etaSeconds", seconds(pair.eta_seconds)}});
  }
  return out;
}

Json nodes_json(const World& world) {
  Json out = Json::array();
  for (const auto& node : world.nodes) {
    out.push_back({{"pod", node.pod},
                   {"id", node.id},
                   {"role", node.role == Role::kPrimary ? "primary" : "replica"},
                   {"slots", node.slots.size()},
                   {"slotBytes", world.sizes.bytes_of(node.slots)},
                   {"keys", node.keys},
                   {"usedBytes", node.memory.used},
                   {"rssBytes", node.memory.rss}});
  }
  return out;
}

}  // namespace

std::string plan_event(const Plan& plan, const std::string& time) {
  auto json = event("plan", time);
  json["hash"] = plan.hash;
  json["batches"] = plan.batches.size();
  json["slots"] = plan.slots;
  json["keys"] = plan.keys;
  json["bytes"] = plan.bytes;
  json["bytesErrorPercent"] = plan.bytes_error_percent;
  json["skewBefore"] = plan.skew_before;
  json["skewAfter"] = plan.skew_after;
  json["refusal"] = plan.refusal ? refusal_json(*plan.refusal) : Json(nullptr);
  json["notes"] = plan.notes;
  return line(json);
}

std::string state_event(const RunView& view, const std::string& time) {
  auto json = event("state", time);
  json["state"] = state_name(view.state);
  json["reason"] = view.reason;
  json["message"] = view.message;
  return line(json);
}

std::string progress_event(const RunView& view, const std::string& time) {
  auto json = event("progress", time);
  json["slotsDone"] = view.slots_done;
  json["slotsTotal"] = view.slots_total;
  json["bytesDone"] = view.bytes_done;
  json["bytesTotal"] = view.bytes_total;
  json["bytesPerSecond"] = static_cast<Bytes>(view.bytes_per_second);
  json["etaSeconds"] = seconds(view.eta_seconds);
  json["pairs"] = pairs_json(view.pairs);
  json["pods"] = pods_json(view.pods);
  return line(json);
}

std::string notice_event(const std::string& reason, const std::string& message, const std::string& time) {
  auto json = event("notice", time);
  json["reason"] = reason;
  json["message"] = message;
  return line(json);
}

static Json cold_json(const std::optional<ColdCount>& count) {
  if (!count) return nullptr;
  return {{"keys", count->keys}, {"lookedAt", count->looked_at}, {"expired", count->expired},
          {"cold", count->cold}, {"bytes", count->bytes},        {"deleted", count->deleted}};
}

std::string summary_event(const Summary& summary, const std::string& time) {
  auto json = event("summary", time);
  json["state"] = state_name(summary.state);
  json["reason"] = summary.reason;
  json["message"] = summary.message;
  json["exitCode"] = summary.exit_code;
  json["planHash"] = summary.plan.hash;
  json["slotsMoved"] = summary.slots_moved;
  json["keysMoved"] = summary.keys_moved;
  json["bytesMoved"] = summary.bytes_moved;
  json["movingSeconds"] = summary.moving_seconds;
  json["totalSeconds"] = summary.total_seconds;
  json["pods"] = pods_json(summary.pods);
  json["before"] = nodes_json(summary.before);
  json["after"] = nodes_json(summary.after);
  json["coldKeys"] = cold_json(summary.cold_keys);
  json["failures"] = Json::array();
  for (const auto& failure : summary.failures) {
    json["failures"].push_back(
        {{"what", failure.what}, {"attempt", failure.attempt}, {"when", failure.when}});
  }
  return line(json);
}

}  // namespace rebalance
