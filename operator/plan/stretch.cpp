#include "plan/stretch.h"

#include <fmt/format.h>

#include <algorithm>

namespace rebalance {
namespace {

constexpr Bytes kSlack = 20;  // a twentieth more than is needed: clients write on while slots move

Bytes rounded_up(Bytes limit) { return (limit + limit / kSlack + kMiB - 1) / kMiB * kMiB; }

Walls walls_at(const WorldNode& node, Bytes limit, const HeadroomSpec& spec) {
  WorldNode then = node;
  then.limit = limit;
  return walls_of(then, spec);
}

World with_raises(World world, const std::vector<LimitRaise>& raises) {
  for (auto& node : world.nodes) {
    if (const auto* raise = find_raise(raises, node.pod)) node.limit = raise->to;
  }
  return world;
}

std::optional<LimitRaise> raise_of(const Seat& seat, const HeadroomSpec& spec) {
  const Bytes limit = walls_of(*seat.node, spec).limit;
  if (!seat.receives || seat.need_limit <= limit) return std::nullopt;
  const Bytes most = std::max(spec.resize_max_limit.value_or(limit), limit);
  return LimitRaise{seat.node->pod, limit, std::min(rounded_up(seat.need_limit), most), {}, {}};
}

// What stands against it before anything is computed: a pod that is not resized, or a bound that is too low.
std::optional<std::string> hindrance(const Seat& seat, const HeadroomSpec& spec) {
  const auto raise = raise_of(seat, spec);
  if (!raise) return std::nullopt;
  if (const auto& why = seat.node->resize.hindrance; !why.empty())
    return fmt::format("The limit of {} is not raised in place: {}.", seat.node->pod, why);
  if (raise->to >= seat.need_limit) return std::nullopt;
  return fmt::format("The limit of {} would have to be {}, and headroom.resize.maxLimit is {}.",
                     seat.node->pod, quantity_text(rounded_up(seat.need_limit)),
                     quantity_text(spec.resize_max_limit.value_or(0)));
}

// The end under the old limit: what is left free of it then is what the rules leave free of it.
std::optional<std::string> outgrown(const Seat& seat, const std::vector<LimitRaise>& raises,
                                    const HeadroomSpec& spec) {
  const auto* raise = find_raise(raises, seat.node->pod);
  if (raise == nullptr) return std::nullopt;
  const auto old = walls_at(*seat.node, raise->from, spec);
  const Bytes fork = fork_reserve(*seat.node, !seat.replicas.empty(), seat.now.used - seat.node->memory.used);
  const Bytes may_be = std::min(old.ceiling, old.flood - fork);
  if (seat.now.base <= may_be) return std::nullopt;
  return fmt::format(
      "The limit of {} is not raised in place, since that is for what passes: at the end it would hold {}, "
      "and "
      "its limit of {} lets it hold {}.",
      seat.node->pod, human_bytes(seat.now.base), quantity_text(raise->from), human_bytes(may_be));
}

// All of them a little more; false when none may be.
bool grow(std::vector<LimitRaise>& raises, Bytes most) {
  bool grown = false;
  for (auto& raise : raises) {
    const Bytes next = std::max(raise.to, std::min(rounded_up(raise.to), most));
    grown = grown || next > raise.to;
    raise.to = next;
  }
  return grown;
}

}  // namespace

std::expected<Stretched, std::string> stretch(const World& world, const RebalanceSpec& spec,
                                              const Factors& factors, const Draft& wish) {
  std::vector<LimitRaise> raises;
  for (const auto& seat : wish.schedule.seats) {
    if (auto why = hindrance(seat, spec.headroom)) return std::unexpected(*std::move(why));
    if (auto raise = raise_of(seat, spec.headroom)) raises.push_back(*std::move(raise));
  }
  const Bytes most = spec.headroom.resize_max_limit.value_or(0);
  constexpr int kTries = 12;  // where the order of batches changes with a limit, a little more is enough
  for (int i = 0; i < kTries && !raises.empty(); ++i) {
    Stretched found{with_raises(world, raises), {}, raises};
    auto draft = draft_plan(found.world, spec, factors);
    if (!draft) break;
    if (draft->schedule.refusal) {
      if (!grow(raises, most)) break;
      continue;
    }
    for (const auto& seat : draft->schedule.seats) {
      if (auto why = outgrown(seat, raises, spec.headroom)) return std::unexpected(*std::move(why));
    }
    found.draft = *std::move(draft);
    return {std::move(found)};  // a copy's seats would point elsewhere
  }
  return std::unexpected(
      fmt::format("Raising limits of receivers in place, up to headroom.resize.maxLimit of {}, does not make "
                  "room for it.",
                  quantity_text(most)));
}

std::expected<std::vector<LimitRaise>, std::string> stretch_further(const World& world,
                                                                    const RebalanceSpec& spec,
                                                                    const Factors& factors,
                                                                    const std::vector<Batch>& left,
                                                                    const std::vector<LimitRaise>& raised) {
  Projection projection(world, spec, factors);
  for (const auto& batch : left) {
    if (const auto transfer = projection.transfer_of(batch)) projection.apply(*transfer, batch.index);
  }
  std::vector<LimitRaise> raises;
  for (const auto& seat : projection.seats()) {
    if (auto why = hindrance(seat, spec.headroom)) return std::unexpected(*std::move(why));
    auto raise = raise_of(seat, spec.headroom);
    if (!raise) continue;
    if (const auto* before = find_raise(raised, raise->pod)) raise->from = before->from;
    raises.push_back(*std::move(raise));
    if (auto why = outgrown(seat, raises, spec.headroom)) return std::unexpected(*std::move(why));
  }
  return raises;
}

World before_raises(World world, const std::vector<LimitRaise>& raises) {
  for (auto& node : world.nodes) {
    if (const auto* raise = find_raise(raises, node.pod)) node.limit = std::min(node.limit, raise->from);
  }
  return world;
}

Bytes most_at_rest(const WorldNode& node, Bytes limit, const HeadroomSpec& spec) {
  const auto walls = walls_at(node, limit, spec);
  return std::min((walls.high + walls.flood) / 2, walls.flood - fork_reserve(node, false));
}

}  // namespace rebalance
