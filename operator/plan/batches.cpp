#include "plan/batches.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "plan/hot_slots.h"

namespace rebalance {
namespace {

// What one primary still has to send to another, from `next` on: in slot order, the hot ones last.
struct Pair {
  int source, target;
  std::vector<Slot> slots;
  std::size_t hot = 0;  // from there on each goes alone
  std::size_t next = 0;
  bool relief = false;
  Engine engine = Engine::kKeyByKey;
  double source_fill = 0, target_fill = 0;  // base / limit
  bool done() const { return next == slots.size(); }
};

double fill(const Seat& seat, const HeadroomSpec& room) {
  const Bytes limit = walls_of(*seat.node, room).limit;
  return limit > 0 ? static_cast<double>(seat.now.base) / static_cast<double>(limit) : 1.0;
}

bool goes_first(const Pair& a, const Pair& b) {
  if (a.relief != b.relief) return a.relief;
  if (a.source_fill != b.source_fill) return a.source_fill > b.source_fill;
  if (a.target_fill != b.target_fill) return a.target_fill < b.target_fill;
  return std::pair(a.source, a.target) < std::pair(b.source, b.target);
}

std::vector<Pair> pairs_of(const World& world, const Layout& layout, const RebalanceSpec& spec,
                           const Projection& projection) {
  const auto& room = spec.headroom;
  const auto hot = hot_slots(world, spec.hot_slots);
  std::map<std::pair<int, int>, std::vector<Slot>> moves;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    const int from = layout.before[slot], to = layout.after[slot];
    if (from >= 0 && to >= 0 && from != to) moves[{from, to}].push_back(static_cast<Slot>(slot));
  }
  std::vector<Pair> pairs;
  for (auto& [ends, slots] : moves) {
    const auto& source = projection.seats()[ends.first];
    const auto last = std::ranges::stable_partition(slots, [&](Slot slot) { return !hot.contains(slot); });
    const auto before = slots.size() - last.size();
    Pair pair{ends.first, ends.second, std::move(slots), before};
    pair.engine = projection.engine_of({pair.source, pair.target});
    pair.relief = source.now.base > walls_of(*source.node, room).ceiling;
    pair.source_fill = fill(source, room);
    pair.target_fill = fill(projection.seats()[ends.second], room);
    pairs.push_back(std::move(pair));
  }
  std::ranges::sort(pairs, goes_first);
  return pairs;
}

class Scheduler {
 public:
  Scheduler(const World& world, const Layout& layout, const RebalanceSpec& spec, const Factors& factors)
      : world_(world),
        spec_(spec),
        projection_(world, spec, factors),
        pairs_(pairs_of(world, layout, spec, projection_)) {}

  Schedule run(Headroom headroom) {
    while (!all_done()) {
      if (take_turns(true, headroom) || take_turns(false, headroom)) continue;
      if (take_parts()) continue;
      note_why();
      break;
    }
    schedule_.seats = projection_.seats();
    return std::move(schedule_);
  }

 private:
  bool all_done() const { return std::ranges::all_of(pairs_, &Pair::done); }

  // One turn of each pair of a tier; true if anything went.
  bool take_turns(bool relief, Headroom headroom) {
    bool any = false;
    for (auto& pair : pairs_) {
      if (pair.done() || pair.relief != relief) continue;
      const auto count = full_batch(pair);
      const auto transfer = transfer_of(pair, count);
      if (headroom == Headroom::kRespected && projection_.check(transfer)) continue;
      take(pair, transfer, count);
      any = true;
    }
    return any;
  }

  // The first pair of which some slots fit sends those.
  bool take_parts() {
    for (auto& pair : pairs_) {
      if (pair.done()) continue;
      const auto count = fitting(pair, full_batch(pair));
      if (count == 0) continue;
      take(pair, transfer_of(pair, count), count);
      return true;
    }
    return false;
  }

  // An atomic migration opens no slot and can be cancelled at any instant, so bytes alone bound it.
  std::size_t most_slots(Engine engine) const {
    constexpr int kMaxSlots = 1000;
    const int unasked = is_atomic(engine) ? kSlotCount : kMaxSlots;
    return static_cast<std::size_t>(std::max(1, spec_.batch.max_slots.value_or(unasked)));
  }

  // As many slots as the bounds of a batch allow, one at least.
  std::size_t full_batch(const Pair& pair) const {
    if (pair.next >= pair.hot) return 1;
    Bytes bytes = 0;
    std::size_t count = 0;
    while (pair.next + count < pair.hot && count < most_slots(pair.engine)) {
      bytes += world_.sizes.bytes[pair.slots[pair.next + count]];
      if (count > 0 && bytes > spec_.batch.max_bytes) break;
      ++count;
    }
    return count;
  }

  std::size_t fitting(const Pair& pair, std::size_t most) const {
    std::size_t fits = 0, does_not = most + 1;
    while (does_not - fits > 1) {
      const auto middle = std::midpoint(fits, does_not);
      (projection_.check(transfer_of(pair, middle)) ? does_not : fits) = middle;
    }
    return fits;
  }

  Transfer transfer_of(const Pair& pair, std::size_t count) const {
    Transfer transfer{pair.source, pair.target, static_cast<int>(count), 0, kMigratePayload, pair.engine};
    for (std::size_t i = pair.next; i < pair.next + count; ++i)
      transfer.add_slot(world_.sizes, pair.slots[i]);
    return transfer;
  }

  void take(Pair& pair, const Transfer& transfer, std::size_t count) {
    Batch batch;
    batch.index = static_cast<int>(schedule_.batches.size());
    batch.source = world_.nodes[pair.source].id;
    batch.target = world_.nodes[pair.target].id;
    const auto begin = pair.slots.begin() + static_cast<std::ptrdiff_t>(pair.next);
    const std::vector<Slot> slots(begin, begin + static_cast<std::ptrdiff_t>(count));
    for (const Slot slot : slots) batch.keys += world_.sizes.keys[slot];
    batch.slots = SlotSet::of(slots);
    batch.bytes = transfer.bytes;
    projection_.apply(transfer, batch.index);
    schedule_.batches.push_back(std::move(batch));
    pair.next += count;
  }

  void note_why() {
    for (const auto& pair : pairs_) {
      if (pair.done()) continue;
      if (const auto obstacle = projection_.check(transfer_of(pair, full_batch(pair)))) {
        schedule_.refusal = projection_.explain(*obstacle);
        return;
      }
    }
  }

  const World& world_;
  const RebalanceSpec& spec_;
  Projection projection_;
  std::vector<Pair> pairs_;
  Schedule schedule_;
};

}  // namespace

Schedule schedule_batches(const World& world, const Layout& layout, const RebalanceSpec& spec,
                          const Factors& factors, Headroom headroom) {
  return Scheduler(world, layout, spec, factors).run(headroom);
}

}  // namespace rebalance
