#include "cli/plan_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/words.h"

namespace rebalance {
namespace {

constexpr std::size_t kBatchesShown = 20;
constexpr std::size_t kPairsShown = 6;
constexpr int kSlotsShown = 40;  // columns

std::string change(const std::string& before, const std::string& after) {
  return before == after ? before : before + " -> " + after;
}

// Green under the ceiling; a giver may stand above it, a pod that nothing touches is only shown.
Colour peak_colour(const NodeForecast& node) {
  if (node.limit <= 0) return Colour::kDim;
  if (node.peak <= node.ceiling) return Colour::kGreen;
  return node.peak <= node.flood ? Colour::kYellow : Colour::kRed;
}

std::string pod_of(const NodeId& id, const World& world) {
  const auto* node = world.find(id);
  return node != nullptr && !node->pod.empty() ? node->pod : id.substr(0, 8);
}

std::string node_table(const Plan& plan, const Palette& palette) {
  Table table({{"POD"},
               {"ROLE"},
               {"LIMIT", Align::kRight},
               {"CEILING", Align::kRight},
               {"USED", Align::kRight},
               {"RSS", Align::kRight},
               {"FORK RESERVE", Align::kRight},
               {"SLOTS"},
               {"DATA"},
               {"PEAK", Align::kRight},
               {"OF LIMIT", Align::kRight}});
  for (const auto& node : plan.nodes) {
    const bool primary = node.role == Role::kPrimary;
    table.row({node.pod,
               primary ? "primary" : "replica",
               limit_text(node.limit),
               node.limit > 0 ? human_bytes(node.ceiling) : "-",
               human_bytes(node.used),
               human_bytes(node.base),
               human_bytes(node.fork_reserve),
               primary ? change(std::to_string(node.slots_before), std::to_string(node.slots_after)) : "",
               primary ? change(human_bytes(node.bytes_before), human_bytes(node.bytes_after)) : "",
               {human_bytes(node.peak), peak_colour(node)},
               {percent_text(node.peak, node.limit), peak_colour(node)}});
  }
  return table.text(palette);
}

std::string batch_table(const Plan& plan, const World& world, const Palette& palette) {
  Table table({{"BATCH", Align::kRight},
               {"FROM"},
               {"TO"},
               {"SLOTS", Align::kRight},
               {"DATA", Align::kRight},
               {"KEYS", Align::kRight},
               {"WHICH"}});
  const auto shown = std::min(plan.batches.size(), kBatchesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& batch = plan.batches[i];
    table.row({std::to_string(batch.index + 1), pod_of(batch.source, world), pod_of(batch.target, world),
               std::to_string(batch.slots.size()), human_bytes(batch.bytes), count_text(batch.keys),
               fitted(batch.slots.text(), kSlotsShown)});
  }
  auto out = table.text(palette);
  if (shown < plan.batches.size()) out += fmt::format("and {} more\n", plan.batches.size() - shown);
  return out;
}

std::string moves_text(const Plan& plan, const World& world, const Palette& palette) {
  const auto error = plan.bytes_error_percent > 0
                         ? fmt::format(" (estimated, +/- {:.1f} %)", plan.bytes_error_percent)
                         : std::string(" (measured by the servers)");
  auto out = fmt::format(
      "To move: {}, {}{}, {} in {}\n", plural(plan.slots, "slot"), human_bytes(plan.bytes), error,
      plural(plan.keys, "key"),
      plan.batches.size() == 1
          ? "1 batch"
          : fmt::format("{} batches", count_text(static_cast<std::int64_t>(plan.batches.size()))));
  out += fmt::format("Skew (largest over mean of the primaries): {:.3f} -> {:.3f}\n\n", plan.skew_before,
                     plan.skew_after);
  out += palette.paint(Colour::kBold, "Engine of each pair") + "\n" + engine_lines(plan, world) + "\n";
  out += batch_table(plan, world, palette) + "\n";
  out += fmt::format("Plan {}. To approve it: run ... --plan-hash {}, or set spec.approval.planHash.\n",
                     plan.hash, plan.hash);
  return out;
}

std::string refusal_text(const Refusal& refusal, const Palette& palette) {
  auto out = palette.paint(Colour::kRed, "Refused") + fmt::format(" by the rule {}", refusal.rule);
  if (!refusal.pod.empty()) out += " at " + refusal.pod;
  if (refusal.short_bytes > 0) {
    out += fmt::format(": {} short ({} bytes)", human_bytes(refusal.short_bytes),
                       count_text(refusal.short_bytes));
  }
  return out + "\n  " + refusal.sentence + "\n" + remedies_text(refusal);
}

}  // namespace

std::string engine_lines(const Plan& plan, const World& world) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const auto& pair : plan.engines) {
    auto why = fmt::format("{}, {}", engine_name(pair.engine), pair.why);
    if (!pair.lacking.empty()) why += fmt::format(" ({})", pair.lacking);
    auto group = std::ranges::find(groups, why, [](const auto& entry) { return entry.first; });
    if (group == groups.end()) group = groups.insert(group, {why, {}});
    group->second.push_back(pod_of(pair.source, world) + " -> " + pod_of(pair.target, world));
  }
  std::string out;
  for (const auto& [why, pairs] : groups) out += fmt::format("  {}: {}\n", first_of(pairs, kPairsShown), why);
  return out;
}

std::string remedies_text(const Refusal& refusal) {
  if (refusal.remedies.empty()) return {};
  std::string out = "Each of these would be enough:\n";
  for (const auto& remedy : refusal.remedies) out += fmt::format("  {}: {}\n", remedy.kind, remedy.sentence);
  return out;
}

std::string plan_text(const Plan& plan, const World& world, const Palette& palette) {
  auto out = node_table(plan, palette) + "\n";
  if (plan.refusal) {
    out += refusal_text(*plan.refusal, palette);
  } else if (plan.nothing_to_do()) {
    out += fmt::format("Nothing to do: the goal is reached (skew {:.3f}).\n", plan.skew_before);
  } else {
    out += moves_text(plan, world, palette);
  }
  for (const auto& note : plan.notes) out += "Note: " + note + "\n";
  return out;
}

}  // namespace rebalance
