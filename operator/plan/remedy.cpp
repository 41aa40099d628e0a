#include "plan/remedy.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace rebalance {
namespace {

constexpr int kMostShards = 4;          // more than these are no answer to "what would help"
constexpr std::size_t kPartText = 240;  // characters of slot ranges in a sentence
constexpr Bytes kEmptyServer = 3 * kMiB,
                kEmptyServerResident = 10 * kMiB;  // Redis 7 and 8 at start, rounded up

Bytes whole_mebibytes(Bytes bytes) { return (bytes + kMiB - 1) / kMiB * kMiB; }

// The value in the middle of those that are set; 0 where none is.
template <typename Field>
Bytes median(const World& world, Field field) {
  std::vector<Bytes> values;
  for (const auto* node : world.primaries()) {
    if (const Bytes value = field(*node); value > 0) values.push_back(value);
  }
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

WorldNode empty_shard(const World& world, int number) {
  WorldNode shard = *world.primaries().front();
  shard.id = fmt::format("{:f>36}{:04}", "", number);
  shard.pod = number == 0 ? "(new shard)" : fmt::format("(new shard {})", number + 1);
  shard.zone.clear();
  shard.slots = {};
  shard.keys = 0;
  shard.limit = median(world, [](const WorldNode& node) { return node.limit; });
  shard.memory = {};
  shard.memory.used = kEmptyServer;
  shard.memory.rss = kEmptyServerResident;
  shard.memory.maxmemory = median(world, [](const WorldNode& node) { return node.memory.maxmemory; });
  shard.save_points = true;  // whatever protects the other shards is expected of it too
  return shard;
}

World with_new_shards(World world, std::int64_t count) {
  for (int i = 0; i < count; ++i) world.nodes.push_back(empty_shard(world, i));
  std::ranges::sort(world.nodes, {}, &WorldNode::id);
  return world;
}

struct Amount {
  int slots = 0;
  Bytes bytes = 0;
};

Amount amount_of(const std::vector<Batch>& batches) {
  Amount all;
  for (const auto& batch : batches) all.slots += batch.slots.size(), all.bytes += batch.bytes;
  return all;
}

// What a pod gets in the whole plan, as a target or as a replica of one.
Bytes arriving_at(const WorldNode& node, const std::vector<Batch>& batches) {
  Bytes bytes = 0;
  for (const auto& batch : batches) {
    if (batch.target == node.id || batch.target == node.primary) bytes += batch.bytes;
  }
  return bytes;
}

class Search {
 public:
  Search(const World& world, const RebalanceSpec& spec, const Factors& factors, const Draft& draft,
         const Draft& wish)
      : world_(world), spec_(spec), factors_(factors), draft_(draft), wish_(wish) {}

  std::vector<Remedy> remedies() const {
    std::vector<Remedy> found;
    for (auto&& remedy : {raise_limit(), raise_maxmemory(), add_shards(), lower_min_free(), part_of_goal()}) {
      if (remedy) found.push_back(*remedy);
    }
    return found;
  }

 private:
  bool enough(const Remedy& remedy) const {
    const auto [world, spec] = applied(remedy, world_, spec_);
    const auto draft = draft_plan(world, spec, factors_);
    return draft && !draft->schedule.refusal;
  }

  // The value of the wish usually is enough as it stands; where the order of batches changes with it, a
  // little more is.
  bool raised_until_enough(Remedy& remedy) const {
    constexpr int kTries = 12;
    for (int i = 0; i < kTries; ++i) {
      if (enough(remedy)) return true;
      remedy.value = whole_mebibytes(remedy.value + remedy.value / 50);
    }
    return false;
  }

  template <typename Needed, typename Has>
  std::optional<Remedy> raise(const char* kind, Needed needed, Has has) const {
    Remedy remedy{kind, {}, {}, 0, {}, {}};
    for (const auto& seat : wish_.schedule.seats) {
      if (needed(seat) <= has(*seat.node)) continue;
      remedy.pods.push_back(seat.node->pod);
      remedy.value = std::max(remedy.value, whole_mebibytes(needed(seat)));
    }
    if (remedy.pods.empty() || !raised_until_enough(remedy)) return std::nullopt;
    if (remedy.pods.size() == 1) remedy.pod = remedy.pods.front();
    return remedy;
  }

  std::optional<Remedy> raise_limit() const {
    auto remedy = raise(
        "RaiseLimit", [](const Seat& seat) { return seat.need_limit; },
        [&](const WorldNode& node) { return walls_of(node, spec_.headroom).limit; });
    if (remedy)
      remedy->sentence = fmt::format("A memory limit of {} for {} is enough.", quantity_text(remedy->value),
                                     list_of(remedy->pods));
    return remedy;
  }

  std::optional<Remedy> raise_maxmemory() const {
    auto remedy = raise(
        "RaiseMaxmemory", [](const Seat& seat) { return seat.need_maxmemory; },
        [](const WorldNode& node) { return node.memory.maxmemory; });
    if (remedy)
      remedy->sentence = fmt::format("A maxmemory of {} on {} is enough.", quantity_text(remedy->value),
                                     list_of(remedy->pods));
    return remedy;
  }

  std::optional<Remedy> add_shards() const {
    if (spec_.goal.type == GoalType::kMove) return std::nullopt;  // it says where its slots go
    for (int count = 1; count <= kMostShards; ++count) {
      Remedy remedy{"AddShard", {}, {}, count, {}, {}};
      if (!enough(remedy)) continue;
      const auto limit = quantity_text(empty_shard(world_, 0).limit);
      remedy.sentence = count == 1
                            ? fmt::format("One more shard with a limit of {} is enough.", limit)
                            : fmt::format("{} more shards with a limit of {} each are enough.", count, limit);
      return remedy;
    }
    return std::nullopt;
  }

  // Never so low that the ceiling would pass the high watermark.
  std::optional<Remedy> lower_min_free() const {
    int fits = 100 - spec_.headroom.high_watermark_percent, does_not = spec_.headroom.min_free_percent;
    if (fits >= does_not) return std::nullopt;
    const auto remedy_of = [](int percent) { return Remedy{"LowerMinFree", {}, {}, percent, {}, {}}; };
    if (!enough(remedy_of(fits))) return std::nullopt;
    while (does_not - fits > 1) {
      const int middle = (fits + does_not) / 2;
      (enough(remedy_of(middle)) ? fits : does_not) = middle;
    }
    auto remedy = remedy_of(fits);
    remedy.sentence = fmt::format("headroom.minFreePercent of {} instead of {} is enough.", fits,
                                  spec_.headroom.min_free_percent);
    return remedy;
  }

  std::optional<Remedy> part_of_goal() const {
    if (draft_.schedule.batches.empty()) return std::nullopt;
    std::map<NodeId, std::vector<Slot>> by_target;
    for (const auto& batch : draft_.schedule.batches) {
      auto& slots = by_target[batch.target];
      for_each_slot(batch.slots, [&](Slot slot) { slots.push_back(slot); });
    }
    Remedy remedy{"PartOfGoal", {}, {}, amount_of(draft_.schedule.batches).slots, {}, {}};
    for (auto& [target, slots] : by_target)
      remedy.part.push_back({SlotSet::of(std::move(slots)), world_.find(target)->pod});
    if (!enough(remedy)) return std::nullopt;
    remedy.sentence = part_sentence(remedy);
    return remedy;
  }

  // How far the part brings a balance: ", and bring the skew from 1.33 to 1.12".
  std::string skew_reached() const {
    if (spec_.goal.type != GoalType::kBalance) return {};
    World then = world_;
    for (const auto& batch : draft_.schedule.batches) {
      for (auto& node : then.nodes) {
        for (const auto& range : batch.slots.ranges()) {
          if (node.id == batch.source) node.slots.remove(range);
          if (node.id == batch.target) node.slots.add(range);
        }
      }
    }
    const auto layout = layout_for(then, spec_.goal, {});
    if (!layout) return {};
    return fmt::format(", and bring the skew from {:.2f} to {:.2f}", draft_.layout.skew_before,
                       layout->skew_before);
  }

  std::string part_sentence(const Remedy& remedy) const {
    const auto part = amount_of(draft_.schedule.batches), whole = amount_of(wish_.schedule.batches);
    std::string list;
    for (const auto& [slots, pod] : remedy.part)
      list += fmt::format("{}{} to {}", list.empty() ? "" : "; ", slots.text(), pod);
    if (list.size() > kPartText)
      list = list.substr(0, kPartText) + " ... (all of it stands in the plan's JSON)";
    return fmt::format("{} of the {} slots ({} of {}) fit as things are{}: goal Move with {}.", part.slots,
                       whole.slots, human_bytes(part.bytes), human_bytes(whole.bytes), skew_reached(), list);
  }

  const World& world_;
  const RebalanceSpec& spec_;
  const Factors& factors_;
  const Draft& draft_;
  const Draft& wish_;
};

// The refusal of the batch that was stuck speaks of that batch; people need the figures of the whole goal.
Refusal of_whole_goal(Refusal refusal, const RebalanceSpec& spec, const Draft& wish) {
  const bool about_receiving = refusal.rule == "Ceiling" || refusal.rule == "HighWatermark";
  const auto& seats = wish.schedule.seats;
  const auto seat = std::ranges::find(seats, refusal.pod, [](const Seat& each) { return each.node->pod; });
  if (!about_receiving || seat == seats.end()) return refusal;
  const Verdict verdict{Wall::kCeiling, seat->peak, walls_of(*seat->node, spec.headroom).ceiling};
  if (verdict.short_bytes() == 0) return refusal;
  Load load;
  load.incoming = arriving_at(*seat->node, wish.schedule.batches);
  const auto whole = refusal_of(verdict, *seat->node, load, spec);
  refusal.short_bytes = whole.short_bytes;
  refusal.sentence = refusal.rule == "Ceiling" ? whole.sentence : refusal.sentence + " " + whole.sentence;
  return refusal;
}

void change_nodes(World& world, const std::vector<PodName>& pods, auto change) {
  for (auto& node : world.nodes) {
    if (std::ranges::find(pods, node.pod) != pods.end()) change(node);
  }
}

}  // namespace

std::string list_of(const std::vector<PodName>& pods) {
  std::string text;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    if (i == 8) return text + fmt::format(" and {} more", pods.size() - i);
    if (i > 0) text += i + 1 == pods.size() ? " and " : ", ";
    text += pods[i];
  }
  return text;
}

Situation applied(const Remedy& remedy, const World& world, const RebalanceSpec& spec) {
  Situation now{world, spec};
  if (remedy.kind == "RaiseLimit") {
    change_nodes(now.world, remedy.pods,
                 [&](WorldNode& node) { node.limit = std::max(node.limit, remedy.value); });
  } else if (remedy.kind == "RaiseMaxmemory") {
    change_nodes(now.world, remedy.pods, [&](WorldNode& node) {
      node.memory.maxmemory = std::max(node.memory.maxmemory, remedy.value);
    });
  } else if (remedy.kind == "AddShard") {
    now.world = with_new_shards(std::move(now.world), remedy.value);
  } else if (remedy.kind == "LowerMinFree") {
    now.spec.headroom.min_free_percent = static_cast<int>(remedy.value);
  } else if (remedy.kind == "PartOfGoal") {
    now.spec.goal = {GoalType::kMove, {}, {}, {}};
    for (const auto& [slots, pod] : remedy.part) now.spec.goal.assignments.push_back({slots, pod});
  }
  return now;
}

Refusal refuse(const World& world, const RebalanceSpec& spec, const Factors& factors, const Draft& draft,
               const Draft& wish) {
  auto refusal = of_whole_goal(*draft.schedule.refusal, spec, wish);
  refusal.remedies = Search(world, spec, factors, draft, wish).remedies();
  return refusal;
}

}  // namespace rebalance
