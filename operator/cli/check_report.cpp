#include "cli/check_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/printable.h"
#include "cli/words.h"

namespace rebalance {
namespace {

using Json = nlohmann::ordered_json;

const char* severity_name(Severity severity) {
  switch (severity) {
    case Severity::kOk: return "ok";
    case Severity::kWarning: return "warning";
    case Severity::kBlocker: return "blocker";
  }
  return "";
}

Colour severity_colour(Severity severity) {
  switch (severity) {
    case Severity::kOk: return Colour::kGreen;
    case Severity::kWarning: return Colour::kYellow;
    case Severity::kBlocker: return Colour::kRed;
  }
  return Colour::kPlain;
}

// The same said of several pods is one row.
std::string findings_text(const CheckReport& report, const Palette& palette) {
  constexpr std::size_t kPlacesShown = 4;
  std::vector<std::pair<Finding, std::vector<std::string>>> rows;
  for (auto finding : report.findings) {
    const auto where = std::exchange(finding.where, "");
    auto row = std::ranges::find(rows, finding, [](const auto& entry) { return entry.first; });
    if (row == rows.end()) row = rows.insert(row, {finding, {}});
    row->second.push_back(where);
  }
  Table table({{"RESULT"}, {"FINDING"}, {"WHERE"}, {"EVIDENCE"}});
  for (auto& [finding, places] : rows) {
    std::ranges::sort(places);
    table.row({{severity_name(finding.severity), severity_colour(finding.severity)},
               finding.name,
               first_of(places, kPlacesShown),
               finding.evidence});
    if (!finding.remedy.empty()) table.row({"", "", "", "-> " + finding.remedy});
  }
  return table.text(palette);
}

Cell yes_or_no(const Ability& ability) {
  return ability.can ? Cell("yes", Colour::kGreen) : Cell("NO", Colour::kRed);
}

// Each way of a pod that is short, in words.
std::string shortages(const Steady& steady) {
  std::string out;
  for (const auto& pod : steady.pods) {
    for (const auto* ability : {&pod.rebalance, &pod.take_over, &pod.persist}) {
      if (!ability->can) out += fmt::format("  {}: {}\n", pod.pod, ability->sentence);
    }
  }
  return out;
}

std::string steady_text(const CheckReport& report, const Palette& palette) {
  const auto& steady = *report.steady;
  Table table({{"POD"}, {"ROLE"}, {"LIMIT", Align::kRight}, {"REBALANCE"}, {"TAKE OVER"}, {"PERSIST"}});
  for (const auto& pod : steady.pods) {
    table.row({pod.pod, pod.role == Role::kPrimary ? "primary" : "replica", limit_text(pod.limit),
               yes_or_no(pod.rebalance), yes_or_no(pod.take_over), yes_or_no(pod.persist)});
  }
  auto out =
      "\n" + palette.paint(Colour::kBold, "Memory of the cluster as it stands") + "\n" + table.text(palette);
  if (steady.all()) return out;
  return out + shortages(steady) +
         "\nThis would be enough (kubectl patch statefulset NAME --patch-file FILE):\n" +
         patch_yaml(steady, report.container);
}

std::string big_keys_text(const CheckReport& report, const Palette& palette) {
  const auto threshold = human_bytes(report.big_key_threshold);
  if (report.big_keys->empty())
    return fmt::format("\nNo key of {} or more in the slots that would move.\n", threshold);
  Table table({{"SLOT", Align::kRight}, {"POD"}, {"TYPE"}, {"BYTES", Align::kRight}, {"KEY"}});
  for (const auto& key : *report.big_keys) {
    table.row({std::to_string(key.slot), key.pod, key.type, human_bytes(key.bytes), printable(key.key)});
  }
  return fmt::format("\nKeys of {} or more in the slots that would move:\n", threshold) + table.text(palette);
}

std::string verdict_text(const CheckReport& report, const Palette& palette) {
  const auto count = [&](Severity severity) {
    return std::ranges::count(report.findings, severity, &Finding::severity);
  };
  const auto blockers = count(Severity::kBlocker), warnings = count(Severity::kWarning);
  const auto words = fmt::format("{}, {}", plural(blockers, "blocker"), plural(warnings, "warning"));
  return "\n" +
         palette.paint(blockers > 0   ? Colour::kRed
                       : warnings > 0 ? Colour::kYellow
                                      : Colour::kGreen,
                       words) +
         "\n";
}

Json ability_json(const Ability& ability) {
  return {{"can", ability.can},
          {"wouldBeBytes", ability.would_be},
          {"mayBeBytes", ability.may_be},
          {"sentence", ability.sentence}};
}

Json steady_json(const Steady& steady) {
  Json pods = Json::array();
  for (const auto& pod : steady.pods) {
    pods.push_back({{"pod", pod.pod},
                    {"role", pod.role == Role::kPrimary ? "primary" : "replica"},
                    {"limitBytes", pod.limit},
                    {"maxmemoryBytes", pod.maxmemory},
                    {"rebalance", ability_json(pod.rebalance)},
                    {"takeOver", ability_json(pod.take_over)},
                    {"persist", ability_json(pod.persist)}});
  }
  return {{"pods", pods},
          {"enough",
           {{"limitBytes", steady.limit},
            {"requestBytes", steady.request},
            {"maxmemoryBytes", steady.maxmemory}}}};
}

}  // namespace

bool CheckReport::blocked() const {
  return std::ranges::any_of(findings,
                             [](const auto& finding) { return finding.severity == Severity::kBlocker; });
}

std::string check_text(const CheckReport& report, const Palette& palette) {
  auto out = findings_text(report, palette);
  if (report.steady) out += steady_text(report, palette);
  if (report.big_keys) out += big_keys_text(report, palette);
  return out + verdict_text(report, palette);
}

std::string check_json(const CheckReport& report) {
  Json json{{"blocked", report.blocked()}, {"findings", Json::array()}};
  for (const auto& finding : report.findings) {
    json["findings"].push_back({{"result", severity_name(finding.severity)},
                                {"name", finding.name},
                                {"where", finding.where},
                                {"evidence", finding.evidence},
                                {"remedy", finding.remedy}});
  }
  if (report.steady) json["steady"] = steady_json(*report.steady);
  if (report.steady && !report.steady->all()) json["patch"] = patch_yaml(*report.steady, report.container);
  if (report.big_keys) {
    json["bigKeys"] = Json::array();
    for (const auto& key : *report.big_keys) {
      json["bigKeys"].push_back({{"key", printable(key.key)},
                                 {"type", key.type},
                                 {"bytes", key.bytes},
                                 {"slot", key.slot},
                                 {"pod", key.pod}});
    }
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string patch_yaml(const Steady& steady, const std::string& container) {
  return fmt::format(
      "# and in the configuration of the servers: maxmemory {0}\n"
      "spec:\n"
      "  template:\n"
      "    spec:\n"
      "      containers:\n"
      "      - name: {1}\n"
      "        resources:\n"
      "          requests: {{memory: {2}}}\n"
      "          limits: {{memory: {3}}}\n",
      steady.maxmemory, container.empty() ? "redis" : container, quantity_text(steady.request),
      quantity_text(steady.limit));
}

}  // namespace rebalance
