#include "plan/planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/draft.h"
#include "plan/engine_choice.h"
#include "plan/explain.h"
#include "plan/hash.h"
#include "plan/remedy.h"
#include "plan/stretch.h"

namespace rebalance {
namespace {

NodeForecast forecast_of(const Seat& seat, const HeadroomSpec& room) {
  const auto& node = *seat.node;
  const auto walls = walls_of(node, room);
  NodeForecast row;
  row.id = node.id;
  row.pod = node.pod;
  row.role = node.role;
  row.limit = walls.limit;
  row.ceiling = walls.ceiling;
  row.flood = walls.flood;
  row.used = node.memory.used;
  row.base = node.memory.base();
  row.fork_reserve = seat.fork_reserve;
  row.peak = seat.peak;
  row.peak_batch = seat.peak_batch;
  row.used_after = seat.now.used;
  row.base_after = seat.now.base;
  return row;
}

// Owners index world.nodes, as the rows still do. Replicas show what their primaries hold.
void add_slots(std::vector<NodeForecast>& rows, const World& world, const Layout& layout) {
  for (int slot = 0; slot < kSlotCount; ++slot) {
    const int before = layout.before[slot], after = layout.after[slot];
    const Bytes bytes = world.sizes.bytes[slot];
    const auto keys = world.sizes.keys[slot];
    if (before >= 0)
      ++rows[before].slots_before, rows[before].bytes_before += bytes, rows[before].keys_before += keys;
    if (after >= 0)
      ++rows[after].slots_after, rows[after].bytes_after += bytes, rows[after].keys_after += keys;
  }
}

std::vector<NodeForecast> forecasts(const World& world, const Draft& draft, const HeadroomSpec& room) {
  std::vector<NodeForecast> rows;
  for (const auto& seat : draft.schedule.seats) rows.push_back(forecast_of(seat, room));
  add_slots(rows, world, draft.layout);
  std::ranges::sort(rows, {}, [](const NodeForecast& row) { return std::pair(row.pod, row.id); });
  return rows;
}

void add_totals(Plan& plan, const SlotSizes& sizes) {
  for (const auto& batch : plan.batches) {
    plan.slots += batch.slots.size();
    plan.bytes += batch.bytes;
    plan.keys += batch.keys;
  }
  plan.bytes_error_percent = sizes.exact ? 0 : sizes.error_percent;
}

// Said because it costs a full copy: the emptied primary becomes a replica of who took its last slot.
void note_joining(Plan& plan, const World& world) {
  for (const auto& row : plan.nodes) {
    const auto* node = world.find(row.id);
    if (row.slots_before == 0 || row.slots_after > 0 || !node->allow_replica_migration) continue;
    const auto last = std::ranges::find_if(plan.batches.rbegin(), plan.batches.rend(),
                                           [&](const Batch& batch) { return batch.source == row.id; });
    if (last == plan.batches.rend()) continue;
    plan.notes.push_back(
        fmt::format("{} gives away its last slot and, as cluster-allow-replica-migration is yes, becomes a "
                    "replica of {}: it loads a full "
                    "copy, which is counted in both peaks.",
                    row.pod, world.find(last->target)->pod));
  }
}

Plan begun(const Draft& draft) {
  Plan plan;
  plan.notes = draft.layout.notes;
  plan.skew_before = draft.layout.skew_before;
  plan.skew_after = draft.layout.skew_after;
  return plan;
}

// `world`: with the limits that `raises` gives.
Plan fitting(Draft draft, std::vector<LimitRaise> raises, const World& world, const RebalanceSpec& spec) {
  Plan plan = begun(draft);
  plan.nodes = forecasts(world, draft, spec.headroom);
  plan.batches = std::move(draft.schedule.batches);
  plan.raises = std::move(raises);
  note_joining(plan, world);
  for (const auto& raise : plan.raises) {
    plan.notes.push_back(
        fmt::format("The memory limit of {} is raised in place from {} to {} while slots move, and put back.",
                    raise.pod, quantity_text(raise.from), quantity_text(raise.to)));
  }
  return plan;
}

Plan finished(Plan plan, const World& world, const RebalanceSpec& spec) {
  plan.engines = choose_engines(world, plan.batches, spec);
  if (auto refusal = refuse_engine(plan.engines, world, spec)) {
    plan.refusal = std::move(refusal);
    plan.batches.clear();
    plan.raises.clear();
  }
  add_totals(plan, world.sizes);
  plan.hash = plan_hash(plan);
  explain_nodes(plan, world, spec);
  return plan;
}

}  // namespace

Result<Plan> make_plan(const World& world, const RebalanceSpec& spec, const Factors& factors) {
  TRY(draft, draft_plan(world, spec, factors));
  if (!draft.schedule.refusal) return finished(fitting(std::move(draft), {}, world, spec), world, spec);
  TRY(wish, draft_plan(world, spec, factors, Headroom::kIgnored));
  std::string no_stretch;
  if (spec.headroom.on_shortage == OnShortage::kResize) {
    auto found = stretch(world, spec, factors, wish);
    if (found) {
      return finished(fitting(std::move(found->draft), std::move(found->raises), found->world, spec),
                      found->world, spec);
    }
    no_stretch = " " + found.error();
  }
  Plan plan = begun(draft);
  plan.refusal = refuse(world, spec, factors, draft, wish);
  plan.refusal->sentence += no_stretch;
  plan.nodes = forecasts(world, wish, spec.headroom);
  return finished(std::move(plan), world, spec);
}

}  // namespace rebalance
