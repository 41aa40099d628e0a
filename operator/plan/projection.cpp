#include "plan/projection.h"

#include <algorithm>

#include "plan/engine_choice.h"

namespace rebalance {
namespace {

// The smallest limit of which `percent` covers these bytes.
Bytes whole_of(Bytes part, int percent) {
  if (percent <= 0) return part > 0 ? INT64_MAX : 0;
  return part / percent * 100 + (part % percent * 100 + percent - 1) / percent;
}

Seat seat_of(const WorldNode& node, const Factors& factors) {
  Seat seat;
  seat.node = &node;
  seat.factors = factors_of(factors, node.id);
  seat.now = standing_of(node, seat.factors);
  seat.slots = node.slots.size();
  seat.peak = seat.now.base;
  seat.safe_receiver = node.aof_enabled || node.save_points;
  return seat;
}

}  // namespace

void Transfer::add_slot(const SlotSizes& sizes, Slot slot) {
  bytes += sizes.bytes[slot];
  biggest_key = std::max(biggest_key, suspected_key(sizes.bytes[slot], sizes.keys[slot]));
}

Projection::Projection(const World& world, const RebalanceSpec& spec, const Factors& factors)
    : world_(world), spec_(spec) {
  seats_.reserve(world.nodes.size());
  // Sampled sizes may be too low: two standard errors more are expected to come.
  const double uncertainty = 1 + 2 * world.sizes.error_percent / 100;
  for (const auto& node : world.nodes) {
    seats_.push_back(seat_of(node, factors));
    if (!world.sizes.exact) seats_.back().factors.growth *= uncertainty;
  }
  for (int i = 0; i < static_cast<int>(seats_.size()); ++i) {
    const auto& node = *seats_[i].node;
    const int primary = node.role == Role::kReplica ? index_of(node.primary) : -1;
    if (primary < 0) continue;
    seats_[primary].replicas.push_back(i);
    if (node.in_sync) seats_[primary].safe_receiver = true;
  }
  for (auto& seat : seats_) seat.fork_reserve = rebalance::fork_reserve(*seat.node, !seat.replicas.empty());
}

int Projection::index_of(const NodeId& id) const {
  const auto found = std::ranges::lower_bound(
      seats_, id, {}, [](const Seat& seat) -> const NodeId& { return seat.node->id; });
  return found != seats_.end() && found->node->id == id ? static_cast<int>(found - seats_.begin()) : -1;
}

void Projection::reserve(const Transfer& transfer) {
  auto& target = seats_[transfer.target];
  seats_[transfer.source].reserved += sending(transfer);
  target.reserved += transfer.bytes + receiving(transfer, !target.replicas.empty(), target.node->aof_enabled);
}

bool Projection::joins_target(const Transfer& transfer) const {
  const auto& source = seats_[transfer.source];
  return transfer.slots >= source.slots && source.node->allow_replica_migration;
}

Bytes Projection::sending(const Transfer& transfer) const {
  const auto& source = seats_[transfer.source];
  if (is_atomic(transfer.engine)) return atomic_source_transient(transfer.bytes, source.now.used);
  const Bytes tracking = transfer.engine == Engine::kLiveCopy ? kLiveTracking : 0;
  return source_transient(transfer.payload, source.node->memory.holds_outgrown) + tracking;
}

Bytes Projection::receiving(const Transfer& transfer, bool has_replicas, bool aof) const {
  return is_atomic(transfer.engine)
             ? atomic_target_transient(transfer.bytes, transfer.biggest_key, has_replicas, aof)
             : target_transient(transfer.payload, has_replicas, aof);
}

template <typename Visit>
void Projection::each_receiver(const Transfer& transfer, Visit visit) const {
  const auto& target = seats_[transfer.target];
  const bool joins = joins_target(transfer);
  const bool replicated = joins || !target.replicas.empty();
  const Bytes buffers = receiving(transfer, !target.replicas.empty(), target.node->aof_enabled);
  if (!visit(Receiver{
          transfer.target, target.now, {target.reserved, transfer.bytes, buffers, replicated, false}}))
    return;
  for (const int replica : target.replicas) {
    const auto& seat = seats_[replica];
    const Load load{std::max(seat.reserved, target.reserved), transfer.bytes,
                    receiving(transfer, false, seat.node->aof_enabled), false, true};
    if (!visit(Receiver{replica, seat.now, load})) return;
  }
  if (!joins) return;
  // An emptied primary, and its replicas with it, throws its data away and loads a full copy of the target's.
  const Load copy{0, target.now.used + target.reserved + transfer.bytes, 0, false, true};
  if (!visit(Receiver{transfer.source, Standing{}, copy})) return;
  for (const int replica : seats_[transfer.source].replicas) {
    if (!visit(Receiver{replica, Standing{}, copy})) return;
  }
}

std::optional<Obstacle> Projection::check(const Transfer& transfer) const {
  const auto& source = seats_[transfer.source];
  if (const auto verdict = weigh_giver(*source.node, source.now, sending(transfer) + source.reserved, spec_);
      !verdict.fits()) {
    return Obstacle{transfer.source, verdict, {}};
  }
  if (spec_.safety.require_persistence && !seats_[transfer.target].safe_receiver) {
    return Obstacle{transfer.target, {Wall::kNoReplicaNoPersistence, 0, 0}, {}};
  }
  std::optional<Obstacle> obstacle;
  each_receiver(transfer, [&](const Receiver& receiver) {
    const auto& seat = seats_[receiver.node];
    const auto verdict = weigh_receiver(*seat.node, receiver.now, receiver.load, spec_, seat.factors);
    if (!verdict.fits()) obstacle = Obstacle{receiver.node, verdict, receiver.load};
    return verdict.fits();
  });
  return obstacle;
}

void Projection::note_peak(int node, Bytes peak, int batch_index) {
  auto& seat = seats_[node];
  if (peak <= seat.peak) return;
  seat.peak = peak;
  seat.peak_batch = batch_index;
}

void Projection::note_receiver(const Receiver& receiver, int batch_index) {
  auto& seat = seats_[receiver.node];
  seat.receives = true;
  const auto& [node, now, load] = receiver;
  const auto& room = spec_.headroom;
  WorldNode const& facts = *seat.node;
  const auto coming =
      static_cast<Bytes>(static_cast<double>(load.reserved + load.incoming) * seat.factors.growth);
  seat.fork_reserve =
      rebalance::fork_reserve(facts, load.full_sync_expected, now.used - facts.memory.used + coming);
  const Bytes peak = after(now, load, seat.factors, seat.fork_reserve);
  note_peak(node, peak, batch_index);
  seat.need_limit = std::max({seat.need_limit, whole_of(peak, 100 - room.min_free_percent),
                              whole_of(now.base, room.high_watermark_percent)});
  const bool counts = facts.memory.maxmemory > 0 && facts.role == Role::kPrimary && !load.as_replica;
  if (!counts) return;
  const Bytes used = now.used + coming - std::max<Bytes>(0, facts.memory.not_counted_for_evict);
  seat.need_maxmemory = std::max(seat.need_maxmemory, whole_of(used, 100 - room.maxmemory_margin_percent));
}

void Projection::join(const Transfer& transfer) {
  auto joining = seats_[transfer.source].replicas;
  joining.push_back(transfer.source);
  seats_[transfer.source].replicas.clear();
  auto& target = seats_[transfer.target];
  for (const int node : joining) {
    seats_[node].now = {};
    receive(seats_[node].now, target.now.used, seats_[node].factors);
    target.replicas.push_back(node);
  }
}

void Projection::apply(const Transfer& transfer, int batch_index) {
  auto& source = seats_[transfer.source];
  const Bytes giving = source.now.base + sending(transfer);
  note_peak(transfer.source, giving, batch_index);
  source.need_limit = std::max(source.need_limit, whole_of(giving, spec_.headroom.flood_watermark_percent));
  each_receiver(transfer, [&](const Receiver& receiver) {
    note_receiver(receiver, batch_index);
    return true;
  });

  const bool joins = joins_target(transfer);
  auto& target = seats_[transfer.target];
  give(source.now, transfer.bytes, source.factors);
  for (const int replica : source.replicas)
    give(seats_[replica].now, transfer.bytes, seats_[replica].factors);
  receive(target.now, transfer.bytes, target.factors);
  for (const int replica : target.replicas)
    receive(seats_[replica].now, transfer.bytes, seats_[replica].factors);
  source.slots -= transfer.slots;
  target.slots += transfer.slots;
  if (joins) join(transfer);
}

std::optional<Transfer> Projection::transfer_of(const Batch& batch) const {
  Transfer transfer{index_of(batch.source), index_of(batch.target), batch.slots.size()};
  for_each_slot(batch.slots, [&](Slot slot) { transfer.add_slot(world_.sizes, slot); });
  transfer.bytes = batch.bytes;
  if (transfer.source < 0 || transfer.target < 0) return std::nullopt;
  transfer.engine = engine_of(transfer);
  return transfer;
}

Engine Projection::engine_of(const Transfer& transfer) const {
  const auto &source = *seats_[transfer.source].node, &target = *seats_[transfer.target].node;
  return choose_engine(source, target, spec_).engine;
}

Refusal Projection::explain(const Obstacle& obstacle) const {
  return refusal_of(obstacle.verdict, *seats_[obstacle.node].node, obstacle.load, spec_);
}

}  // namespace rebalance
