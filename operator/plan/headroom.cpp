#include "plan/headroom.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "plan/projection.h"

namespace rebalance {
namespace {

// No int64 product of a percent overflows: bytes stay far below 2^63 / 100.
Bytes percent_of(Bytes bytes, int percent) { return bytes / 100 * percent + bytes % 100 * percent / 100; }

Bytes scaled(Bytes bytes, double factor) {
  return static_cast<Bytes>(std::ceil(static_cast<double>(bytes) * factor));
}

Load grown(const Load& load, const NodeFactors& factors) {
  Load real = load;
  real.reserved = scaled(load.reserved, factors.growth);
  real.incoming = scaled(load.incoming, factors.growth);
  return real;
}

bool evicts(const WorldNode& node) { return node.maxmemory_policy != "noeviction"; }

Bytes fork_copies(const WorldNode& node, Bytes used, bool full_sync_expected) {
  const bool may_fork = node.save_points || node.aof_enabled || node.child_running || full_sync_expected;
  return may_fork ? std::max(node.memory.last_cow, percent_of(used, kForkSharePercent)) : 0;
}

Verdict weigh_maxmemory(const WorldNode& node, const Standing& now, const Load& load,
                        const RebalanceSpec& spec) {
  const bool counts = node.memory.maxmemory > 0 && node.role == Role::kPrimary && !load.as_replica;
  if (!counts || (evicts(node) && spec.safety.accept_eviction)) return {};
  const Bytes would_be =
      now.used + load.reserved + load.incoming - std::max<Bytes>(0, node.memory.not_counted_for_evict);
  const Bytes may_be = percent_of(node.memory.maxmemory, 100 - spec.headroom.maxmemory_margin_percent);
  if (would_be <= may_be) return {};
  return {evicts(node) ? Wall::kEviction : Wall::kMaxmemory, would_be, may_be};
}

std::string pod_and_limit(const WorldNode& node, const Walls& walls) {
  return fmt::format("{} (limit {})", node.pod, human_bytes(walls.limit));
}

std::string sentence_of(const Verdict& verdict, const WorldNode& node, const Load& load,
                        const RebalanceSpec& spec) {
  const auto walls = walls_of(node, spec.headroom);
  const auto& room = spec.headroom;
  const auto would_be = human_bytes(verdict.would_be), may_be = human_bytes(verdict.may_be);
  const auto lacking = human_bytes(verdict.short_bytes());
  switch (verdict.wall) {
    case Wall::kNoLimit:
      return fmt::format(
          "{} has no memory limit, so nothing says what fits: set one, or headroom.assumedLimit.", node.pod);
    case Wall::kHighWatermark:
      return fmt::format("{} stands at {}, {} above its high watermark of {} ({} %): it receives nothing.",
                         pod_and_limit(node, walls), would_be, lacking, may_be, room.high_watermark_percent);
    case Wall::kCeiling:
      return fmt::format(
          "{} would reach {} while it receives {}{}, {} over its ceiling of {} ({} % stay free).",
          pod_and_limit(node, walls), would_be, human_bytes(load.reserved + load.incoming),
          load.as_replica ? " as a replica" : "", lacking, may_be, room.min_free_percent);
    case Wall::kMaxmemory:
      return fmt::format(
          "{} would use {} of its maxmemory of {}, {} more than the margin of {} % leaves: writes would "
          "fail.",
          node.pod, would_be, human_bytes(node.memory.maxmemory), lacking, room.maxmemory_margin_percent);
    case Wall::kEviction:
      return fmt::format(
          "{} would use {} of its maxmemory of {}, {} more than the margin of {} % leaves, and its policy "
          "{} would delete keys: raise maxmemory, or accept it with safety.eviction.",
          node.pod, would_be, human_bytes(node.memory.maxmemory), lacking, room.maxmemory_margin_percent,
          node.maxmemory_policy);
    case Wall::kFlood:
      return fmt::format(
          "{} would stand at {} while it gives, {} over its flood watermark of {} ({} %): raise its limit "
          "first.",
          pod_and_limit(node, walls), would_be, lacking, may_be, room.flood_watermark_percent);
    case Wall::kNoReplicaNoPersistence:
      return fmt::format(
          "{} has no replica in sync, no save points and no AOF: a crash would lose what it received. Give "
          "it "
          "one of them, or set safety.persistence to Ignore.",
          node.pod);
    case Wall::kNone: break;
  }
  return {};
}

}  // namespace

NodeFactors factors_of(const Factors& factors, const NodeId& id) {
  const auto found = factors.find(id);
  return found != factors.end() ? found->second : NodeFactors{};
}

Standing standing_of(const WorldNode& node, const NodeFactors& factors) {
  const Bytes used = node.memory.used, base = std::max<Bytes>(0, node.memory.base());
  return {used, base,
          static_cast<Bytes>(static_cast<double>(std::max<Bytes>(0, base - used)) * factors.reusable_share)};
}

void give(Standing& standing, Bytes bytes, const NodeFactors& factors) {
  standing.used = std::max<Bytes>(0, standing.used - bytes);
  standing.reusable += static_cast<Bytes>(static_cast<double>(bytes) * factors.reusable_share);
}

void receive(Standing& standing, Bytes bytes, const NodeFactors& factors) {
  const Bytes real = scaled(bytes, factors.growth);
  const Bytes reused = std::min(standing.reusable, real);
  standing.used += real;
  standing.reusable -= reused;
  standing.base = std::max(standing.base + real - reused, scaled(standing.used, factors.fragmentation));
}

Walls walls_of(const WorldNode& node, const HeadroomSpec& spec) {
  const Bytes limit = node.limit > 0 ? node.limit : spec.assumed_limit.value_or(0);
  return {limit, percent_of(limit, 100 - spec.min_free_percent),
          percent_of(limit, spec.high_watermark_percent), percent_of(limit, spec.flood_watermark_percent)};
}

Bytes source_transient(Bytes payload, bool holds_outgrown) { return (holds_outgrown ? 8 : 2) * payload; }

Bytes atomic_source_transient(Bytes bytes, Bytes used) {
  constexpr Bytes kPageTableShare = 400;  // 8 bytes for each page of 4 KiB, and the tables above
  return 2 * percent_of(bytes, kForkSharePercent) + used / kPageTableShare + kMigratePayload;
}

Bytes atomic_target_transient(Bytes bytes, Bytes biggest_key, bool has_replicas, bool aof) {
  const Bytes waiting = percent_of(bytes, kForkSharePercent) + kMigratePayload;
  return (1 + has_replicas + aof) * std::max(waiting, biggest_key);
}

Bytes suspected_key(Bytes slot_bytes, std::int64_t keys) {
  constexpr Bytes kMeanOfNote = 64 * kKiB;
  return keys > 0 && slot_bytes / keys >= kMeanOfNote ? slot_bytes : 0;
}

Bytes target_transient(Bytes payload, bool has_replicas, bool aof) {
  return (2 + has_replicas + aof) * payload;
}

Bytes fork_reserve(const WorldNode& node, bool full_sync_expected, Bytes arriving) {
  return fork_copies(node, node.memory.used + arriving, full_sync_expected);
}

Bytes after(const Standing& now, const Load& load, const NodeFactors& factors, Bytes fork) {
  const Load real = grown(load, factors);
  const Bytes coming = real.reserved + real.incoming;
  const Bytes resident = now.base + std::max<Bytes>(0, coming - now.reusable);
  return std::max(resident, scaled(now.used + coming, factors.fragmentation)) + load.transient + fork;
}

Bytes after(const WorldNode& node, const Load& load, const NodeFactors& factors, Bytes fork) {
  return after(standing_of(node, factors), load, factors, fork);
}

const char* wall_name(Wall wall) {
  switch (wall) {
    case Wall::kNoLimit: return "NoLimit";
    case Wall::kHighWatermark: return "HighWatermark";
    case Wall::kCeiling: return "Ceiling";
    case Wall::kMaxmemory: return "Maxmemory";
    case Wall::kEviction: return "Eviction";
    case Wall::kFlood: return "Flood";
    case Wall::kNoReplicaNoPersistence: return "NoReplicaNoPersistence";
    case Wall::kNone: break;
  }
  return "None";
}

Verdict weigh_receiver(const WorldNode& node, const Standing& now, const Load& load,
                       const RebalanceSpec& spec, const NodeFactors& factors) {
  const auto walls = walls_of(node, spec.headroom);
  const Load real = grown(load, factors);
  const Bytes fork = fork_copies(node, now.used + real.reserved + real.incoming, load.full_sync_expected);
  const Bytes peak = after(now, load, factors, fork);
  if (walls.limit == 0) return {Wall::kNoLimit, peak, 0};
  if (peak > walls.ceiling && now.base <= walls.high) return {Wall::kCeiling, peak, walls.ceiling};
  if (now.base > walls.high) return {Wall::kHighWatermark, now.base, walls.high};
  return weigh_maxmemory(node, now, real, spec);
}

Verdict weigh_giver(const WorldNode& node, const Standing& now, Bytes transient, const RebalanceSpec& spec) {
  const auto walls = walls_of(node, spec.headroom);
  const Bytes peak = now.base + transient;
  if (walls.limit == 0) return {Wall::kNoLimit, peak, 0};
  if (peak > walls.flood) return {Wall::kFlood, peak, walls.flood};
  return {};
}

Refusal refusal_of(const Verdict& verdict, const WorldNode& node, const Load& load,
                   const RebalanceSpec& spec) {
  return {
      wall_name(verdict.wall), node.pod, verdict.short_bytes(), sentence_of(verdict, node, load, spec), {}};
}

std::optional<Refusal> may_receive(const WorldNode& node, const Load& load, const RebalanceSpec& spec,
                                   const NodeFactors& factors) {
  const auto verdict = weigh_receiver(node, standing_of(node, factors), load, spec, factors);
  if (verdict.fits()) return std::nullopt;
  return refusal_of(verdict, node, load, spec);
}

std::optional<Refusal> may_give(const WorldNode& node, Bytes transient, const RebalanceSpec& spec) {
  const auto verdict = weigh_giver(node, standing_of(node, {}), transient, spec);
  if (verdict.fits()) return std::nullopt;
  return refusal_of(verdict, node, {}, spec);
}

namespace {

// The batch as one transfer beside what is on its way already; nullopt: one of its nodes is unknown.
std::optional<Transfer> transfer_beside(Projection& projection, const Batch& batch,
                                        const std::vector<InFlight>& beside) {
  for (const auto& [other, key_room] : beside) {
    auto transfer = projection.transfer_of(other);
    if (!transfer) continue;
    transfer->payload = key_room;
    projection.reserve(*transfer);
  }
  return projection.transfer_of(batch);
}

}  // namespace

std::optional<Refusal> judge(const World& world, const Batch& batch, const std::vector<InFlight>& beside,
                             const RebalanceSpec& spec, const Factors& factors) {
  Projection projection(world, spec, factors);
  const auto transfer = transfer_beside(projection, batch, beside);
  if (!transfer) {
    return Refusal{
        "UnknownNode",
        {},
        0,
        "source or target of the batch is no longer seen in the cluster: observe again and plan anew.",
        {}};
  }
  const auto obstacle = projection.check(*transfer);
  if (!obstacle) return std::nullopt;
  return projection.explain(*obstacle);
}

Bytes room_for_key(const World& world, const Batch& batch, const std::vector<InFlight>& beside,
                   const RebalanceSpec& spec, const Factors& factors) {
  Projection projection(world, spec, factors);
  auto transfer = transfer_beside(projection, batch, beside);
  if (!transfer) return 0;
  transfer->engine = Engine::kKeyByKey;  // the others leave it what they cannot take apart
  Bytes fits = kMigratePayload, does_not = kLargestPayload;
  while (does_not - fits > kMigratePayload / 4) {
    transfer->payload = std::midpoint(fits, does_not);
    transfer->bytes = std::max(batch.bytes, transfer->payload);  // sampling may have missed the key
    (projection.check(*transfer) ? does_not : fits) = transfer->payload;
  }
  return fits;
}

}  // namespace rebalance
