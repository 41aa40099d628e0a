#include "cli/summary_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/words.h"

namespace rebalance {
namespace {

struct Holding {
  std::string slots, data, keys;
};

Holding holding(const WorldNode* node, const World& world) {
  if (node == nullptr) return {"gone", "-", "-"};
  if (node->role == Role::kReplica) return {"replica", "-", count_text(node->keys)};
  return {std::to_string(node->slots.size()), human_bytes(world.sizes.bytes_of(node->slots)),
          count_text(node->keys)};
}

// Primaries of either side, by pod.
std::map<PodName, NodeId> primaries_of(const Summary& summary) {
  std::map<PodName, NodeId> out;
  for (const auto* world : {&summary.before, &summary.after}) {
    for (const auto* node : world->primaries()) out.emplace(node->pod, node->id);
  }
  return out;
}

std::string arrow(const std::string& before, const std::string& after) {
  return before == after ? before : before + " -> " + after;
}

std::string node_table(const Summary& summary, const Palette& palette) {
  Table table({{"POD"},
               {"SLOTS"},
               {"DATA"},
               {"KEYS"},
               {"LIMIT", Align::kRight},
               {"PEAK", Align::kRight},
               {"OF LIMIT", Align::kRight}});
  std::map<PodName, const PodView*> memory;
  for (const auto& pod : summary.pods) memory[pod.pod] = &pod;
  const auto peak_cells = [&](const PodName& pod, std::vector<Cell> cells) {
    if (const auto found = memory.find(pod); found != memory.end()) {
      const auto& seen = *found->second;
      const auto colour = seen.limit > 0 && seen.peak > seen.ceiling ? Colour::kYellow : Colour::kGreen;
      cells.insert(cells.end(), {limit_text(seen.limit),
                                 {human_bytes(seen.peak), colour},
                                 {percent_text(seen.peak, seen.limit), colour}});
      memory.erase(found);
    }
    table.row(std::move(cells));
  };
  for (const auto& [pod, id] : primaries_of(summary)) {
    const auto before = holding(summary.before.find(id), summary.before);
    const auto after = holding(summary.after.find(id), summary.after);
    peak_cells(pod, {pod, arrow(before.slots, after.slots), arrow(before.data, after.data),
                     arrow(before.keys, after.keys)});
  }
  const auto replicas = memory;  // what is left was touched and is no primary
  for (const auto& [pod, seen] : replicas) peak_cells(pod, {pod, "replica", "", ""});
  return table.text(palette);
}

Colour colour_of(State state) {
  if (state == State::kSucceeded || state == State::kObserving) return Colour::kGreen;
  return state == State::kFailed || state == State::kRefused ? Colour::kRed : Colour::kYellow;
}

}  // namespace

std::string summary_text(const Summary& summary, const Palette& palette) {
  auto out = "\n" + palette.paint(colour_of(summary.state), state_name(summary.state));
  if (!summary.reason.empty()) out += fmt::format(" ({})", summary.reason);
  out += ": " + summary.message + "\n";
  if (summary.slots_moved > 0) out += "\n" + node_table(summary, palette) + "\n";
  if (summary.slots_moved > 0) {
    out += fmt::format("Moved {}, {}, {} in {} of moving; {} in all.\n", plural(summary.slots_moved, "slot"),
                       plural(summary.keys_moved, "key"), human_bytes(summary.bytes_moved),
                       duration_text(summary.moving_seconds), duration_text(summary.total_seconds));
  }
  if (summary.cold_keys && summary.cold_keys->deleted > 0)
    out += fmt::format("Deleted {} that nobody used for long.\n", plural(summary.cold_keys->deleted, "key"));
  for (const auto& failure : summary.failures) {
    out += fmt::format("Failure {} at {}: {}\n", failure.attempt, failure.when, failure.what);
  }
  return out;
}

}  // namespace rebalance
