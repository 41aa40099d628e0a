#include "plan/projection.h"

#include <algorithm>

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

Bytes payload_of(const World& world, const SlotSet& slots) {
  Bytes payload = kMigratePayload;
  for (const auto& [slot, biggest] : world.big_keys) {
    if (biggest > payload && slots.contains(slot)) payload = biggest;
  }
  return payload;
}

Projection::Projection(const World& world, const RebalanceSpec& spec, const Factors& factors)
    : world_(world), spec_(spec) {
  seats_.reserve(world.nodes.size());
  for (const auto& node : world.nodes) seats_.push_back(seat_of(node, factors));
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

void Projection::reserve(const NodeId& id, Bytes bytes) {
  if (const int node = index_of(id); node >= 0) seats_[node].reserved += bytes;
}

bool Projection::joins_target(const Step& step) const {
  const auto& source = seats_[step.source];
  return step.slots >= source.slots && source.node->allow_replica_migration;
}

template <typename Visit>
void Projection::each_receiver(const Step& step, Visit visit) const {
  const auto& target = seats_[step.target];
  const bool joins = joins_target(step);
  const bool replicated = joins || !target.replicas.empty();
  const Bytes buffers = target_transient(step.payload, !target.replicas.empty(), target.node->aof_enabled);
  if (!visit(Receiver{step.target, target.now, {target.reserved, step.bytes, buffers, replicated, false}}))
    return;
  for (const int replica : target.replicas) {
    const auto& seat = seats_[replica];
    const Load load{std::max(seat.reserved, target.reserved), step.bytes,
                    target_transient(step.payload, false, seat.node->aof_enabled), false, true};
    if (!visit(Receiver{replica, seat.now, load})) return;
  }
  if (!joins) return;
  // An emptied primary, and its replicas with it, throws its data away and loads a full copy of the target's.
  const Load copy{0, target.now.used + target.reserved + step.bytes, 0, false, true};
  if (!visit(Receiver{step.source, Standing{}, copy})) return;
  for (const int replica : seats_[step.source].replicas) {
    if (!visit(Receiver{replica, Standing{}, copy})) return;
  }
}

std::optional<Obstacle> Projection::check(const Step& step) const {
  const auto& source = seats_[step.source];
  const Bytes sending = source_transient(step.payload);
  if (const auto verdict = weigh_giver(*source.node, source.now, sending + source.reserved, spec_);
      !verdict.fits()) {
    return Obstacle{step.source, verdict, {}};
  }
  if (spec_.safety.require_persistence && !seats_[step.target].safe_receiver) {
    return Obstacle{step.target, {Wall::kNoReplicaNoPersistence, 0, 0}, {}};
  }
  std::optional<Obstacle> obstacle;
  each_receiver(step, [&](const Receiver& receiver) {
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

void Projection::join(const Step& step) {
  auto joining = seats_[step.source].replicas;
  joining.push_back(step.source);
  seats_[step.source].replicas.clear();
  auto& target = seats_[step.target];
  for (const int node : joining) {
    seats_[node].now = {};
    receive(seats_[node].now, target.now.used, seats_[node].factors);
    target.replicas.push_back(node);
  }
}

void Projection::apply(const Step& step, int batch_index) {
  auto& source = seats_[step.source];
  const Bytes giving = source.now.base + source_transient(step.payload);
  note_peak(step.source, giving, batch_index);
  source.need_limit = std::max(source.need_limit, whole_of(giving, spec_.headroom.flood_watermark_percent));
  each_receiver(step, [&](const Receiver& receiver) {
    note_receiver(receiver, batch_index);
    return true;
  });

  const bool joins = joins_target(step);
  auto& target = seats_[step.target];
  give(source.now, step.bytes, source.factors);
  for (const int replica : source.replicas) give(seats_[replica].now, step.bytes, seats_[replica].factors);
  receive(target.now, step.bytes, target.factors);
  for (const int replica : target.replicas) receive(seats_[replica].now, step.bytes, seats_[replica].factors);
  source.slots -= step.slots;
  target.slots += step.slots;
  if (joins) join(step);
}

std::optional<Step> Projection::step_of(const Batch& batch) const {
  const Step step{index_of(batch.source), index_of(batch.target), batch.slots.size(), batch.bytes,
                  payload_of(world_, batch.slots)};
  if (step.source < 0 || step.target < 0) return std::nullopt;
  return step;
}

Refusal Projection::explain(const Obstacle& obstacle) const {
  return refusal_of(obstacle.verdict, *seats_[obstacle.node].node, obstacle.load, spec_);
}

}  // namespace rebalance
