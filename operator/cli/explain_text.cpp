#include "cli/explain_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/conditions.h"
#include "cli/plan_text.h"
#include "control/run.h"
#include "plan/explain.h"
#include "reconcile/decide.h"

namespace rebalance {
namespace {

using nlohmann::json;

std::string text_of(const json& object, const char* field) { return object.value(field, std::string()); }

// A size as the status writes it for people; 0 where it has none.
Bytes size_of(const json& node, const char* field) {
  return parse_quantity(text_of(node, field)).value_or(0);
}

void add_node(const json& row, Explained& facts) {
  WorldNode node;
  node.id = text_of(row, "nodeID");
  node.pod = text_of(row, "pod");
  node.limit = size_of(row, "limit");
  node.memory.used = size_of(row, "used");
  node.memory.rss = size_of(row, "rss");
  facts.world.nodes.push_back(std::move(node));
  auto forecast = unplanned({{facts.world.nodes.back()}, {}, {}}, facts.spec.headroom).front();
  forecast.peak = size_of(row, "projected");
  forecast.why = text_of(row, "why");
  facts.plan.nodes.push_back(std::move(forecast));
}

void add_refusal(const json& in, Plan& plan) {
  Refusal refusal;
  refusal.rule = text_of(in, "rule");
  refusal.pod = text_of(in, "pod");
  refusal.short_bytes = size_of(in, "shortBytes");
  refusal.sentence = text_of(in, "message");
  for (const auto& remedy : in.value("remedies", json::array()))
    refusal.remedies.push_back({text_of(remedy, "kind"), {}, {}, 0, {}, text_of(remedy, "message")});
  plan.refusal = std::move(refusal);
}

// Where no plan is kept any more its pairs are: they name pods.
void add_pairs(const json& pairs, Explained& facts) {
  for (const auto& pair : pairs) {
    const auto engine = engine_of_name(text_of(pair, "engine"));
    if (!engine) continue;
    const auto id_of = [&](const char* end) {
      const auto* node = facts.world.find_pod(text_of(pair, end));
      return node == nullptr ? text_of(pair, end) : node->id;
    };
    facts.plan.engines.push_back({id_of("source"), id_of("target"), *engine, text_of(pair, "reason"), ""});
  }
}

std::string size_text(const Plan& plan) {
  if (plan.batches.empty()) return {};
  return fmt::format("plan {} moves {} slots and {} in {} batches; ", plan.hash, plan.slots,
                     human_bytes(plan.bytes), plan.batches.size());
}

std::string headline(const Explained& facts, const Palette& palette) {
  const auto& [state, reason, message] =
      std::tie(facts.status.state, facts.status.reason, facts.status.message);
  if (facts.foreseen && (is_moving(state) || state == State::kPlanning))
    return fmt::format("{}: {}it begins with {}\n",
                       palette.paint(Colour::kGreen, "Nothing stands in the way"), size_text(facts.plan),
                       message);
  const auto code = explained_code(facts.status);
  const auto colour = code == kDone                   ? Colour::kGreen
                      : code == kAwaitingApprovalCode ? Colour::kYellow
                                                      : Colour::kRed;
  return fmt::format("{} ({}): {}\n", palette.paint(colour, state_name(state)), reason, message);
}

// The sentence of a refusal is in the headline already where the state is due to it.
std::string what_would_change_it(const Explained& facts) {
  std::string out;
  const auto& refusal = facts.plan.refusal;
  if (refusal && !facts.status.message.starts_with(refusal->sentence))
    out += fmt::format("The plan is refused by the rule {}: {}\n", refusal->rule, refusal->sentence);
  if (refusal && !refusal->remedies.empty()) out += remedies_text(*refusal);
  for (const auto& finding : facts.findings)
    out += fmt::format("{}: {}\n", finding.name, sentence_of(finding));
  return out;
}

std::string overview(const Explained& facts, const Palette& palette) {
  std::string out = "\n" + palette.paint(Colour::kBold, "Pods") + "\n";
  for (const auto& node : facts.plan.nodes)
    out += fmt::format("  {}\n    {}\n", node.why.empty() ? node.pod : node.why, memory_sentence(node));
  if (!facts.plan.engines.empty())
    out += "\n" + palette.paint(Colour::kBold, "Engine of each pair") + "\n" +
           engine_lines(facts.plan, facts.world);
  if (!facts.plan.notes.empty()) out += "\n";
  for (const auto& note : facts.plan.notes) out += "Note: " + note + "\n";
  return out;
}

}  // namespace

std::vector<NodeForecast> unplanned(const World& world, const HeadroomSpec& room) {
  std::vector<NodeForecast> nodes;
  for (const auto& node : world.nodes) {
    const auto walls = walls_of(node, room);
    NodeForecast row{.id = node.id, .pod = node.pod, .role = node.role};
    row.limit = walls.limit, row.ceiling = walls.ceiling, row.flood = walls.flood;
    row.used = node.memory.used, row.base = node.memory.base();
    nodes.push_back(std::move(row));
  }
  std::ranges::sort(nodes, {}, &NodeForecast::pod);
  return nodes;
}

Result<Explained> explained_by(const json& object, const StoredRebalance& stored,
                               const std::optional<Plan>& kept) {
  Explained facts;
  facts.status = stored.status.status;
  if (stored.resource) facts.spec = stored.resource->spec;
  if (kept) facts.plan = *kept;
  facts.plan.nodes.clear();
  try {
    const auto status = object.value("status", json::object());
    for (const auto& row : status.value("nodes", json::array())) add_node(row, facts);
    std::ranges::sort(facts.world.nodes, {}, &WorldNode::id);
    const auto plan = status.value("plan", json::object());
    if (!kept) add_pairs(plan.value("pairs", json::array()), facts);
    for (const auto& refusal : plan.value("refusals", json::array())) add_refusal(refusal, facts.plan);
    for (const auto& note : plan.value("notes", json::array())) facts.plan.notes.push_back(note);
  } catch (const std::exception& problem) {  // json's own
    return invalid_input(fmt::format("the status cannot be read: {}", problem.what()));
  }
  return facts;
}

Result<std::string> explain_text(const Explained& facts, const Question& question, const Palette& palette) {
  auto out = headline(facts, palette) + what_would_change_it(facts);
  if (question.slot) {
    for (const auto& line :
         explain_slot(facts.plan, facts.world, facts.spec, static_cast<Slot>(*question.slot)))
      out += line + "\n";
  } else if (!question.pod.empty()) {
    TRY(lines, explain_pod(facts.plan, facts.world, question.pod));
    for (const auto& line : lines) out += line + "\n";
  } else {
    out += overview(facts, palette);
  }
  for (const auto& line : facts.more) out += line + "\n";
  return out;
}

int explained_code(const RebalanceStatus& status) {
  const bool goes_on = is_moving(status.state) || status.state == State::kPlanning ||
                       status.state == State::kVerifying || status.state == State::kObserving;
  return goes_on ? int{kDone} : exit_code(status.state, status.reason);
}

}  // namespace rebalance
