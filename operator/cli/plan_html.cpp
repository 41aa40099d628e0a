#include "cli/plan_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/explain_text.h"
#include "cli/words.h"

namespace rebalance {

extern const std::string_view kPlanStyle;  // plan_html.css

namespace {

constexpr std::size_t kBatchesShown = 500;
constexpr std::size_t kPairsShown = 60;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(letter) < ' ' ? ' ' : letter;
    }
  }
  return out;
}

double share(Bytes part, Bytes whole) {
  if (whole <= 0) return 0;
  return std::clamp(100.0 * static_cast<double>(part) / static_cast<double>(whole), 0.0, 100.0);
}

std::string section(const char* title, const char* about, const std::string& body) {
  return body.empty()
             ? body
             : fmt::format("<section><h2>{}</h2>{}{}</section>\n", title,
                           *about == '\0' ? "" : fmt::format("<p class=\"about\">{}</p>", about), body);
}

std::string tile(const char* name, const std::string& value) {
  return fmt::format("<div><b>{}</b><span>{}</span></div>", escaped(value), name);
}

std::string tiles(const Plan& plan) {
  Bytes highest = 0, of = 1;
  for (const auto& node : plan.nodes)
    if (node.limit > 0 && share(node.peak, node.limit) >= share(highest, of))
      highest = node.peak, of = node.limit;
  return "<div class=\"tiles\">" + tile("slots", count_text(plan.slots)) +
         tile("data", human_bytes(plan.bytes)) + tile("keys", count_text(plan.keys)) +
         tile("batches", std::to_string(plan.batches.size())) +
         tile("skew", fmt::format("{:.3f} → {:.3f}", plan.skew_before, plan.skew_after)) +
         tile("highest peak", percent_text(highest, of) + " of its limit") + "</div>\n";
}

std::string remedies(const Refusal& refusal) {
  if (refusal.remedies.empty()) return {};
  std::string out = "<p>Each of these would be enough:</p><ul>";
  for (const auto& remedy : refusal.remedies)
    out += fmt::format("<li><b>{}</b> {}</li>", escaped(remedy.kind), escaped(remedy.sentence));
  return out + "</ul>";
}

std::string banner(const char* kind, const std::string& head, const std::string& body) {
  return fmt::format("<div class=\"banner {}\"><h2>{}</h2>{}</div>\n", kind, escaped(head), body);
}

std::string verdict(const PlanPage& page) {
  if (const Finding* blocker = first_blocker(page.findings); blocker != nullptr && !page.plan)
    return banner("bad", "Blocked by " + blocker->name,
                  fmt::format("<p>{}</p>", escaped(sentence_of(*blocker))));
  const Plan& plan = *page.plan;
  if (plan.refusal) {
    const auto& refusal = *plan.refusal;
    const auto lacking = refusal.short_bytes > 0 ? ": " + human_bytes(refusal.short_bytes) + " short" : "";
    const auto where = refusal.pod.empty() ? "" : " at " + refusal.pod;
    return banner("bad", fmt::format("Refused by the rule {}{}{}", refusal.rule, where, lacking),
                  fmt::format("<p>{}</p>{}", escaped(refusal.sentence), remedies(refusal)));
  }
  if (plan.nothing_to_do())
    return banner("good", "Nothing to do",
                  fmt::format("<p>The goal is reached (skew {:.3f}).</p>", plan.skew_before));
  if (const Finding* blocker = first_blocker(page.findings); blocker != nullptr)
    return banner("bad", "It fits, but is blocked by " + blocker->name,
                  fmt::format("<p>{}</p>", escaped(sentence_of(*blocker))));
  return banner(
      "good", "It fits: every prefix of the plan does, on every pod",
      fmt::format("<p>Plan <code>{0}</code>. To approve it: <code>redis-rebalance run ... --plan-hash "
                  "{0}</code>, or set <code>spec.approval.planHash</code>.</p>",
                  escaped(plan.hash)));
}

// Shades below the ceiling; a colour of its own, and a word, above each wall.
std::string heat(Bytes bytes, const NodeForecast& node, const std::string& detail) {
  std::string kind = "none", word;
  if (node.limit > 0 && bytes <= node.ceiling)
    kind = fmt::format("ok{}", 1 + std::min<Bytes>(4, 5 * bytes / std::max<Bytes>(1, node.ceiling)));
  else if (node.limit > 0)
    kind = bytes <= node.flood ? "warn" : "bad", word = bytes <= node.flood ? "over ceiling" : "over flood";
  const auto bar = node.limit <= 0 ? std::string()
                                   : fmt::format(
                                         "<span class=\"bar\"><i style=\"width:{:.1f}%\"></i><s "
                                         "style=\"left:{:.1f}%\"></s></span>",
                                         share(bytes, node.limit), share(node.ceiling, node.limit));
  return fmt::format("<td class=\"heat {}\"><b>{}</b> <span>{}</span>{}<small>{}{}{}</small></td>", kind,
                     human_bytes(bytes), percent_text(bytes, node.limit), bar, word,
                     word.empty() || detail.empty() ? "" : ", ", escaped(detail));
}

std::string memory_row(const NodeForecast& node, bool planned) {
  auto out = fmt::format(
      "<tr><th><b>{}</b><small>{}</small></th><td class=\"number\">{}<small>ceiling {}</small></td>",
      escaped(node.pod), node.role == Role::kPrimary ? "primary" : "replica", limit_text(node.limit),
      node.limit > 0 ? human_bytes(node.ceiling) : "-");
  out += heat(node.base, node, "uses " + human_bytes(node.used));
  if (planned) {
    out +=
        heat(node.peak, node,
             node.peak_batch < 0 ? "before the first batch" : fmt::format("batch {}", node.peak_batch + 1));
    out += heat(node.base_after, node, "uses " + human_bytes(node.used_after));
  }
  out += "</tr>\n";
  if (!node.why.empty())
    out += fmt::format("<tr class=\"why\"><td colspan=\"5\">{}</td></tr>\n", escaped(node.why));
  return out;
}

std::string memory_section(const PlanPage& page) {
  const auto nodes = page.plan ? page.plan->nodes : unplanned(page.world, page.resource.spec.headroom);
  const bool wished = page.plan && page.plan->refusal;
  std::string table = "<table class=\"memory\"><thead><tr><th>Pod</th><th>Limit</th><th>Now</th>";
  if (page.plan)
    table +=
        wished ? "<th>Peak, were it done</th><th>After, were it done</th>" : "<th>Peak</th><th>After</th>";
  table += "</tr></thead>\n<tbody>";
  for (const auto& node : nodes) table += memory_row(node, page.plan.has_value());
  return section(
      "Memory of each pod",
      "Resident memory against the limit; the tick is the ceiling, below which whoever receives stays. What "
      "leaves a pod stays resident there at first.",
      table + "</tbody></table>");
}

using Pair = std::pair<NodeId, NodeId>;

// One row a pair, boxes as wide as their data, from left to right in the order of the plan.
std::string timeline(const Plan& plan, const World& world) {
  std::vector<std::pair<Pair, std::string>> rows;
  Bytes done = 0;
  for (const auto& batch : plan.batches) {
    const Pair ends{batch.source, batch.target};
    auto row = std::ranges::find(rows, ends, &std::pair<Pair, std::string>::first);
    if (row == rows.end()) row = rows.insert(row, {ends, {}});
    const double width = share(batch.bytes, plan.bytes);
    row->second += fmt::format(R"(<i style="left:{:.2f}%;width:{:.2f}%" title="batch {}: {}, {}, {}">{}</i>)",
                               share(done, plan.bytes), width, batch.index + 1,
                               plural(batch.slots.size(), "slot"), human_bytes(batch.bytes),
                               plural(batch.keys, "key"), width > 3 ? std::to_string(batch.index + 1) : "");
    done += batch.bytes;
  }
  std::string out;
  for (std::size_t i = 0; i < std::min(rows.size(), kPairsShown); ++i)
    out += fmt::format("<div class=\"lane\"><span>{} → {}</span><div>{}</div></div>\n",
                       escaped(world.pod_of(rows[i].first.first)),
                       escaped(world.pod_of(rows[i].first.second)), rows[i].second);
  if (rows.size() > kPairsShown) out += fmt::format("<p>and {} more pairs</p>", rows.size() - kPairsShown);
  return out.empty()
             ? out
             : out + fmt::format("<div class=\"lane axis\"><span></span><div><b>0</b><b>{}</b></div></div>",
                                 human_bytes(plan.bytes));
}

std::string batch_table(const Plan& plan, const World& world) {
  if (plan.batches.empty()) return {};
  std::string out =
      "<table><thead><tr><th class=\"number\">Batch</th><th>From</th><th>To</th><th "
      "class=\"number\">Slots</th><th class=\"number\">Data</th><th "
      "class=\"number\">Keys</th><th>Which</th></tr></thead>\n<tbody>";
  const auto shown = std::min(plan.batches.size(), kBatchesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& batch = plan.batches[i];
    out += fmt::format(
        "<tr><td class=\"number\">{}</td><td>{}</td><td>{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"slots\">{}</td></tr>\n",
        batch.index + 1, escaped(world.pod_of(batch.source)), escaped(world.pod_of(batch.target)),
        count_text(batch.slots.size()), human_bytes(batch.bytes), count_text(batch.keys), batch.slots.text());
  }
  out += "</tbody></table>";
  if (shown < plan.batches.size()) out += fmt::format("<p>and {} more</p>", plan.batches.size() - shown);
  return out;
}

std::string engines(const Plan& plan, const World& world) {
  std::string out;
  for (const auto& pair : plan.engines)
    out += fmt::format("<tr><td>{} → {}</td><td><b>{}</b></td><td>{}{}</td></tr>\n",
                       escaped(world.pod_of(pair.source)), escaped(world.pod_of(pair.target)),
                       engine_name(pair.engine), escaped(pair.why),
                       pair.lacking.empty() ? "" : "; " + escaped(pair.lacking));
  return out.empty() ? out : "<table><tbody>" + out + "</tbody></table>";
}

std::string findings(const std::vector<Finding>& all) {
  std::string out;
  for (const auto& finding : all) {
    if (finding.severity == Severity::kOk) continue;
    const bool blocks = finding.severity == Severity::kBlocker;
    out += fmt::format(
        "<tr><td class=\"label {}\">{}</td><td "
        "class=\"label\"><b>{}</b></td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        blocks ? "bad" : "warn", blocks ? "blocker" : "warning", escaped(finding.name),
        escaped(finding.where), escaped(finding.evidence), escaped(finding.remedy));
  }
  return out.empty()
             ? out
             : "<table><thead><tr><th></th><th>Finding</th><th>Where</th><th>Evidence</th><th>Remedy</th>"
               "</tr></thead>\n<tbody>" +
                   out + "</tbody></table>";
}

std::string notes(const Plan& plan) {
  std::string out;
  for (const auto& note : plan.notes) out += "<li>" + escaped(note) + "</li>";
  return out.empty() ? out : "<ul>" + out + "</ul>";
}

std::string of_plan(const Plan& plan, const PlanPage& page) {
  const auto about = fmt::format(
      "From left to right in the order of the plan, each as wide as its data. Up to {} run side by side, "
      "each batch once it fits.",
      plural(page.resource.spec.batch.parallel_pairs, "pair"));
  return section("Batches", about.c_str(), timeline(plan, page.world)) +
         section("Which slots", "", batch_table(plan, page.world)) +
         section("Engine of each pair", "", engines(plan, page.world)) + section("Notes", "", notes(plan));
}

}  // namespace

std::string plan_html(const PlanPage& page) {
  const auto name = escaped(page.resource.name_space + "/" + page.resource.name);
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Plan of "
      "{0}</title>\n<style>\n{1}</style></head>\n"
      "<body><header><h1>Plan of {0}</h1><p>as the cluster was at {2}</p></header>\n",
      name, kPlanStyle, escaped(page.when));
  out += verdict(page);
  if (page.plan && !page.plan->batches.empty()) out += tiles(*page.plan);
  out += memory_section(page);
  out += section("Findings", "", findings(page.findings));
  if (page.plan) out += of_plan(*page.plan, page);
  return out + "</body></html>\n";
}

}  // namespace rebalance
