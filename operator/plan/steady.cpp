#include "plan/steady.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plan/headroom.h"

namespace rebalance {
namespace {

// The smallest whole MiB of which `percent` is at least `bytes`.
Bytes enough(Bytes bytes, int percent) {
  const double exact = static_cast<double>(bytes) * 100 / std::max(1, percent);
  return static_cast<Bytes>(std::ceil(exact / static_cast<double>(kMiB)) +
                            (std::fmod(exact, static_cast<double>(kMiB)) == 0)) *
         kMiB;
}

class Judge {
 public:
  Judge(const World& world, const RebalanceSpec& spec)
      : world_(world), spec_(spec), primaries_(world.primaries()) {
    for (const auto* node : primaries_) {
      total_ += world.sizes.bytes_of(node->slots);
      weights_ += weight_of(node->pod);
    }
  }

  PodSteady judge(const WorldNode& node) const {
    PodSteady out{
        node.pod, node.role, walls_of(node, spec_.headroom).limit, node.memory.maxmemory, {}, {}, {}, 0, 0};
    out.rebalance = rebalance(node, out);
    out.take_over = take_over(node, out);
    out.persist = persist(node, out);
    return out;
  }

 private:
  int weight_of(const PodName& pod) const {
    const auto& weights = spec_.goal.balance.weights;
    const auto found = std::ranges::find(weights, pod, &Weight::pod);
    return found != weights.end() ? found->weight : 100;
  }

  // What a primary would still receive, or, negative, give, to hold its share.
  Bytes missing(const WorldNode& primary) const {
    const double share = weights_ > 0 ? static_cast<double>(total_) * weight_of(primary.pod) / weights_ : 0;
    return static_cast<Bytes>(share) - world_.sizes.bytes_of(primary.slots);
  }

  const WorldNode& primary_of(const WorldNode& node) const {
    const auto* primary = node.role == Role::kReplica ? world_.find(node.primary) : nullptr;
    return primary != nullptr ? *primary : node;
  }

  bool has_replicas(const WorldNode& node) const { return !world_.replicas_of(node.id).empty(); }

  Load load_of(const WorldNode& node, Bytes incoming) const {
    Load load;
    load.incoming = incoming;
    load.transient = target_transient(kMigratePayload, has_replicas(node), node.aof_enabled);
    load.full_sync_expected = has_replicas(node);
    load.as_replica = node.role == Role::kReplica;
    return load;
  }

  // Asks whether the node may hold this much more, and notes in `pod` what it takes.
  Ability receive(const WorldNode& node, const Load& load, PodSteady& pod, const std::string& why) const {
    const auto standing = standing_of(node, {});
    const auto verdict = weigh_receiver(node, standing, load, spec_, {});
    const auto fork = fork_reserve(node, load.full_sync_expected, load.incoming);
    const auto peak = after(standing, load, {}, fork);
    const auto& room = spec_.headroom;
    pod.need_limit = std::max({pod.need_limit, enough(peak, 100 - room.min_free_percent),
                               enough(standing.base, room.high_watermark_percent)});
    if (!load.as_replica) {
      pod.need_maxmemory = std::max(
          pod.need_maxmemory, enough(standing.used + load.incoming, 100 - room.maxmemory_margin_percent));
    }
    if (!verdict.fits()) {
      return {false, verdict.would_be, verdict.may_be,
              why + ": " + refusal_of(verdict, node, load, spec_).sentence};
    }
    const auto ceiling = walls_of(node, room).ceiling;
    return {true, peak, ceiling,
            fmt::format("{}: at most {} of a ceiling of {}", why, human_bytes(peak), human_bytes(ceiling))};
  }

  Ability rebalance(const WorldNode& node, PodSteady& pod) const {
    const auto incoming = missing(primary_of(node));
    if (incoming > 0) {
      return receive(node, load_of(node, incoming), pod,
                     fmt::format("receives {} for its share", human_bytes(incoming)));
    }
    const auto transient = source_transient(kMigratePayload, node.memory.holds_outgrown);
    const auto verdict = weigh_giver(node, standing_of(node, {}), transient, spec_);
    const auto walls = walls_of(node, spec_.headroom);
    const auto peak = node.memory.base() + transient;
    pod.need_limit = std::max(pod.need_limit, enough(peak, spec_.headroom.flood_watermark_percent));
    if (!verdict.fits())
      return {false, verdict.would_be, verdict.may_be, refusal_of(verdict, node, {}, spec_).sentence};
    return {true, peak, walls.flood,
            fmt::format("gives {} for its share: at most {} of a flood mark of {}", human_bytes(-incoming),
                        human_bytes(peak), human_bytes(walls.flood))};
  }

  // The worst of all primaries that may be lost.
  Ability take_over(const WorldNode& node, PodSteady& pod) const {
    Ability worst{true, node.memory.base(), walls_of(node, spec_.headroom).ceiling,
                  "nobody to take over from"};
    for (const auto* lost : primaries_) {
      if (lost->slots.empty() || lost == &primary_of(node)) continue;
      if (const auto one = inherit(node, *lost, pod);
          one && (!one->can || (worst.can && one->would_be >= worst.would_be)))
        worst = *one;
    }
    if (node.role == Role::kReplica) {
      if (const auto own = promoted(node, pod); !own.can || worst.can) return own;
    }
    return worst;
  }

  // A part of the slots of a primary that nobody follows; nullopt: it has a replica, which does.
  std::optional<Ability> inherit(const WorldNode& node, const WorldNode& lost, PodSteady& pod) const {
    if (has_replicas(lost) || primaries_.size() < 2) return std::nullopt;
    const auto part = world_.sizes.bytes_of(lost.slots) / static_cast<Bytes>(primaries_.size() - 1);
    return receive(node, load_of(node, part), pod,
                   fmt::format("takes {} of {}, which has no replica", human_bytes(part), lost.pod));
  }

  // As a primary its maxmemory counts, and the pod that was lost comes back for a full copy.
  Ability promoted(const WorldNode& replica, PodSteady& pod) const {
    auto node = replica;
    node.role = Role::kPrimary;
    Load load;
    load.full_sync_expected = true;
    return receive(node, load, pod, "follows " + primary_of(replica).pod + " and serves a full copy");
  }

  Ability persist(const WorldNode& node, PodSteady& pod) const {
    const auto fork = fork_reserve(node, has_replicas(node));
    const auto peak = node.memory.base() + fork;
    const auto flood = walls_of(node, spec_.headroom).flood;
    pod.need_limit = std::max(pod.need_limit, enough(peak, spec_.headroom.flood_watermark_percent));
    if (fork == 0) return {true, peak, flood, "neither saves nor serves a full copy: nothing forks"};
    const auto figures = fmt::format("reserves {} for a fork: {} of a flood mark of {}", human_bytes(fork),
                                     human_bytes(peak), human_bytes(flood));
    return {peak <= flood, peak, flood, figures};
  }

  const World& world_;
  const RebalanceSpec& spec_;
  std::vector<const WorldNode*> primaries_;
  Bytes total_ = 0;
  int weights_ = 0;
};

// A server that is full to its maxmemory, with a fork on top, under the flood mark.
Bytes limit_for_full(Bytes maxmemory, const HeadroomSpec& spec) {
  const double full =
      static_cast<double>(maxmemory) * (NodeFactors{}.fragmentation + kForkSharePercent / 100.0);
  return enough(static_cast<Bytes>(full), spec.flood_watermark_percent);
}

}  // namespace

bool Steady::all() const {
  return std::ranges::all_of(
      pods, [](const auto& pod) { return pod.rebalance.can && pod.take_over.can && pod.persist.can; });
}

Steady judge_steady(const World& world, const RebalanceSpec& spec) {
  const Judge judge(world, spec);
  Steady out;
  for (const auto& node : world.nodes) {
    out.pods.push_back(judge.judge(node));
    out.limit = std::max(out.limit, out.pods.back().need_limit);
    out.maxmemory = std::max(out.maxmemory, out.pods.back().need_maxmemory);
  }
  std::ranges::sort(out.pods, {}, &PodSteady::pod);
  out.limit = std::max(out.limit, limit_for_full(out.maxmemory, spec.headroom));
  out.request = out.limit;
  return out;
}

}  // namespace rebalance
