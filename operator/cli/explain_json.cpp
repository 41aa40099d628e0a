// The facts of explain_text.cpp as one document, and in its order.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/explain_text.h"
#include "plan/explain.h"

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Refusal& refusal) {
  Json out = {{"rule", refusal.rule},
              {"pod", refusal.pod},
              {"shortBytes", refusal.short_bytes},
              {"message", refusal.sentence},
              {"remedies", Json::array()}};
  for (const auto& remedy : refusal.remedies)
    out["remedies"].push_back({{"kind", remedy.kind}, {"message", remedy.sentence}});
  return out;
}

Json json_of(const Finding& finding) {
  return {{"name", finding.name},
          {"where", finding.where},
          {"evidence", finding.evidence},
          {"remedy", finding.remedy}};
}

Json json_of(const NodeForecast& node) {
  return {{"pod", node.pod},
          {"why", node.why},
          {"memory", memory_sentence(node)},
          {"limitBytes", node.limit},
          {"ceilingBytes", node.ceiling},
          {"floodBytes", node.flood},
          {"usedBytes", node.used},
          {"residentBytes", node.base},
          {"peakBytes", std::max(node.peak, node.base)}};
}

Json json_of(const PairEngine& pair, const World& world) {
  return {{"source", world.pod_of(pair.source)},
          {"target", world.pod_of(pair.target)},
          {"engine", engine_name(pair.engine)},
          {"why", pair.why},
          {"lacking", pair.lacking}};
}

Json json_of(const Plan& plan) {
  return {{"hash", plan.hash},
          {"slots", plan.slots},
          {"bytes", plan.bytes},
          {"batches", plan.batches.size()},
          {"refusal", plan.refusal ? json_of(*plan.refusal) : Json()}};
}

void add_overview(const Explained& facts, Json& out) {
  out["pods"] = out["engines"] = Json::array();
  for (const auto& node : facts.plan.nodes) out["pods"].push_back(json_of(node));
  for (const auto& pair : facts.plan.engines) out["engines"].push_back(json_of(pair, facts.world));
  out["notes"] = facts.plan.notes;
}

Status add_answer(const Explained& facts, const Question& question, Json& out) {
  if (question.slot) {
    out["slot"] = *question.slot;
    out["answer"] = explain_slot(facts.plan, facts.world, facts.spec, static_cast<Slot>(*question.slot));
  } else if (!question.pod.empty()) {
    TRY(lines, explain_pod(facts.plan, facts.world, question.pod));
    out["pod"] = question.pod;
    out["answer"] = lines;
  } else {
    add_overview(facts, out);
  }
  if (!facts.more.empty()) out["tried"] = facts.more;
  return {};
}

}  // namespace

Result<std::string> explain_json(const Explained& facts, const Question& question) {
  Json out = {{"state", state_name(facts.status.state)},
              {"reason", facts.status.reason},
              {"message", facts.status.message},
              {"foreseen", facts.foreseen},
              {"exitCode", explained_code(facts.status)},
              {"plan", json_of(facts.plan)},
              {"findings", Json::array()}};
  for (const auto& finding : facts.findings) out["findings"].push_back(json_of(finding));
  TRY_OK(add_answer(facts, question, out));
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace rebalance
