#include "plan/draft.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

std::set<NodeId> over_their_ceiling(const World& world, const HeadroomSpec& room) {
  std::set<NodeId> crowded;
  for (const auto& node : world.nodes) {
    if (node.memory.base() > walls_of(node, room).ceiling) crowded.insert(node.id);
  }
  return crowded;
}

// Slots with a key over the threshold that would move, as bigKeys.action wants it.
std::optional<Refusal> treat_big_keys(const World& world, const BigKeysSpec& big_keys, Layout& layout) {
  if (big_keys.action == BigKeyAction::kMove) return std::nullopt;
  for (const auto& [slot, biggest] : world.big_keys) {
    const bool moves = layout.before[slot] != layout.after[slot];
    if (!moves || biggest <= big_keys.threshold) continue;
    const auto& pod = world.nodes[layout.before[slot]].pod;
    if (big_keys.action == BigKeyAction::kRefuse) {
      return Refusal{
          "BigKeys",
          pod,
          0,
          fmt::format(
              "slot {} of {} holds a key of {}, above bigKeys.thresholdBytes of {}: split the key, or set "
              "bigKeys.action to Move or SkipSlot.",
              slot, pod, human_bytes(biggest), human_bytes(big_keys.threshold)),
          {}};
    }
    layout.after[slot] = layout.before[slot];
    layout.notes.push_back(fmt::format("Slot {} stays on {}: it holds a key of {} (bigKeys.action SkipSlot).",
                                       slot, pod, human_bytes(biggest)));
  }
  return std::nullopt;
}

}  // namespace

Result<Draft> draft_plan(const World& world, const RebalanceSpec& spec, const Factors& factors,
                         Headroom headroom) {
  TRY(layout, layout_for(world, spec.goal, over_their_ceiling(world, spec.headroom)));
  auto refusal = treat_big_keys(world, spec.big_keys, layout);
  if (refusal) layout.after = layout.before;
  auto schedule = schedule_batches(world, layout, spec, factors, headroom);
  if (refusal) schedule.refusal = std::move(refusal);
  return Draft{std::move(layout), std::move(schedule)};
}

}  // namespace rebalance
