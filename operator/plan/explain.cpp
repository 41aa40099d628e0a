#include "plan/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "api/decommission.h"
#include "plan/draft.h"
#include "plan/remedy.h"

namespace rebalance {
namespace {

// What goes in one direction over a node's door.
struct Flow {
  int slots = 0;
  Bytes bytes = 0;
  std::vector<PodName> peers;  // empty where a plan is refused: nothing was put into batches

  void add(const Batch& batch, const PodName& peer) {
    slots += batch.slots.size();
    bytes += batch.bytes;
    if (std::ranges::find(peers, peer) == peers.end()) peers.push_back(peer);
  }
};
struct Flows {
  Flow out, in;
};

std::map<NodeId, Flows> flows_of(const Plan& plan, const World& world) {
  std::map<NodeId, Flows> flows;
  for (const auto& batch : plan.batches) {
    flows[batch.source].out.add(batch, world.pod_of(batch.target));
    flows[batch.target].in.add(batch, world.pod_of(batch.source));
  }
  for (auto& [id, flow] : flows) std::ranges::sort(flow.out.peers), std::ranges::sort(flow.in.peers);
  if (!plan.refusal) return flows;
  for (const auto& node : plan.nodes) {
    const int slots = node.slots_after - node.slots_before;
    const Bytes bytes = node.bytes_after - node.bytes_before;
    flows[node.id] = {{std::max(0, -slots), std::max<Bytes>(0, -bytes), {}},
                      {std::max(0, slots), std::max<Bytes>(0, bytes), {}}};
  }
  return flows;
}

// What a balance makes even: held by each primary, and the share that each should have.
struct Shares {
  Metric metric = Metric::kMemory;
  double total = 0, weights = 0;
  std::map<NodeId, double> weight;

  double held(const NodeForecast& node) const {
    switch (metric) {
      case Metric::kMemory: return static_cast<double>(node.bytes_before);
      case Metric::kKeys: return static_cast<double>(node.keys_before);
      case Metric::kSlots: break;
    }
    return node.slots_before;
  }
  double of(const NodeForecast& node) const { return weights > 0 ? total * weight.at(node.id) / weights : 0; }
  std::string text(double amount) const {
    return metric == Metric::kMemory ? human_bytes(std::llround(amount))
                                     : std::to_string(std::llround(amount));
  }
  const char* unit() const {
    return metric == Metric::kMemory ? "of data" : metric == Metric::kKeys ? "keys" : "slots";
  }
};

Shares shares_of(const Plan& plan, const BalanceGoal& goal) {
  Shares shares{goal.metric};
  const auto sum = [&] {
    for (const auto& node : plan.nodes) shares.total += shares.held(node);
  };
  sum();
  if (shares.total <= 0) shares.metric = Metric::kSlots, sum();  // as the layout does
  for (const auto& node : plan.nodes) {
    if (node.role != Role::kPrimary) continue;
    const auto given = std::ranges::find(goal.weights, node.pod, &Weight::pod);
    shares.weights += shares.weight[node.id] = given != goal.weights.end() ? given->weight : 100;
  }
  return shares;
}

class Explainer {
 public:
  Explainer(const Plan& plan, const World& world, const RebalanceSpec& spec)
      : plan_(plan),
        world_(world),
        spec_(spec),
        flows_(flows_of(plan, world)),
        shares_(shares_of(plan, spec.goal.balance)) {
    for (const auto& node : plan.nodes)
      if (received(node.id).slots > 0) fullest_receiver_ = std::max(fullest_receiver_, node.bytes_after);
  }

  std::string of(const NodeForecast& node) const {
    if (node.role == Role::kReplica) return of_replica(node);
    if (node.limit == 0) return refusal_of({Wall::kNoLimit}, *world_.find(node.id), {}, spec_).sentence;
    const auto flow = flows_.find(node.id);
    const bool moves = flow != flows_.end() && flow->second.out.slots + flow->second.in.slots > 0;
    return moves ? of_mover(node, flow->second) : of_rest(node);
  }

 private:
  const Flow& received(const NodeId& id) const {
    static const Flow kNone;
    const auto found = flows_.find(id);
    return found == flows_.end() ? kNone : found->second.in;
  }
  bool drained(const NodeForecast& node) const { return names(spec_.goal.drain, node.pod, node.id); }

  std::string of_replica(const NodeForecast& node) const {
    const auto& primary = world_.find(node.id)->primary;
    const auto& flow = received(primary);
    const auto copied =
        fmt::format("{} is a replica of {} and owns no slots: ", node.pod, world_.pod_of(primary));
    if (flow.slots == 0) return copied + "what its primary does not receive it does not receive either.";
    return copied + fmt::format("it {} the {} that its primary receives as well.",
                                plan_.refusal ? "would receive" : "receives", human_bytes(flow.bytes));
  }

  std::string part(const Flow& flow, const char* verb, const char* end) const {
    auto text = fmt::format("{}{} {} {} ({})", plan_.refusal ? "would " : "", verb, flow.slots,
                            flow.slots == 1 ? "slot" : "slots", human_bytes(flow.bytes));
    return flow.peers.empty() ? text : fmt::format("{} {} {}", text, end, list_of(flow.peers));
  }

  std::string of_mover(const NodeForecast& node, const Flows& flows) const {
    const bool would = plan_.refusal.has_value();
    std::string text;
    if (flows.out.slots > 0) text = part(flows.out, would ? "give" : "gives", "to");
    if (flows.in.slots > 0)
      text += (text.empty() ? "" : " and ") + part(flows.in, would ? "receive" : "receives", "from");
    return fmt::format("{} {}: {}.", node.pod, text, cause(node, flows));
  }

  std::string cause(const NodeForecast& node, const Flows& flows) const {
    switch (spec_.goal.type) {
      case GoalType::kMove: return "goal.move.assignments says so";
      case GoalType::kDrain:
        return drained(node) ? "goal.drain names it, so it gives all that it owns"
                             : fmt::format("what leaves goes to those that hold least, and it holds {}",
                                           human_bytes(node.bytes_before));
      case GoalType::kBalance:
      case GoalType::kRepair: break;
    }
    auto text = share_text(node);
    if (flows.out.bytes + flows.in.bytes == 0) text += "; slots that hold nothing are spread by number";
    if (flows.out.slots > 0 && node.base > node.ceiling)
      text += fmt::format("; {}, so it gives first", over_ceiling(node));
    return text;
  }

  std::string share_text(const NodeForecast& node) const {
    const auto weight = shares_.weight.at(node.id);
    return fmt::format("it holds {} {}, its share{} is {}", shares_.text(shares_.held(node)), shares_.unit(),
                       weight != 100 ? fmt::format(" by its weight of {}", weight) : "",
                       shares_.text(shares_.of(node)));
  }

  std::string over_ceiling(const NodeForecast& node) const {
    return fmt::format("it stands at {}, {} over its ceiling of {}", human_bytes(node.base),
                       human_bytes(node.base - node.ceiling), human_bytes(node.ceiling));
  }

  // Neither gives nor receives.
  std::string of_rest(const NodeForecast& node) const {
    switch (spec_.goal.type) {
      case GoalType::kBalance: return of_rest_in_balance(node);
      case GoalType::kDrain: return of_rest_in_drain(node);
      case GoalType::kMove:
        return node.pod +
               " neither gives nor receives: goal.move.assignments names it nowhere, and none of its slots.";
      case GoalType::kRepair: break;
    }
    return node.pod + " keeps its slots: goal Repair plans no moves.";
  }

  std::string of_rest_in_drain(const NodeForecast& node) const {
    if (drained(node)) return fmt::format("{} gives nothing: it owns no slots any more.", node.pod);
    if (node.base > node.ceiling)
      return fmt::format("{} receives nothing: {}.", node.pod, over_ceiling(node));
    if (fullest_receiver_ == 0) return fmt::format("{} receives nothing: nothing leaves.", node.pod);
    return fmt::format("{} receives nothing: it holds {}, and those that receive end at {} or less.",
                       node.pod, human_bytes(node.bytes_before), human_bytes(fullest_receiver_));
  }

  std::string of_rest_in_balance(const NodeForecast& node) const {
    const double share = shares_.of(node), held = shares_.held(node);
    const int tolerance = spec_.goal.balance.tolerance_percent;
    const double off = share > 0 ? std::abs(held - share) / share * 100 : 0;
    const auto facts = share_text(node);
    if (off <= tolerance) {
      return fmt::format("{} neither gives nor receives: {}, {:.1f} % off; a balance starts above {} %.",
                         node.pod, facts, off, tolerance);
    }
    if (held < share && node.base > node.ceiling) {
      return fmt::format("{} receives nothing: {}, but {}, and so gets no single slots for a better fit.",
                         node.pod, facts, over_ceiling(node));
    }
    return fmt::format("{} neither gives nor receives, {:.1f} % off its share: {}; {}.", node.pod, off, facts,
                       held > share && !has_taker() ? "nobody below its share may receive"
                                                    : "single slots are too large for a better fit");
  }

  // Somebody below its share that is not over its ceiling.
  bool has_taker() const {
    return std::ranges::any_of(plan_.nodes, [&](const NodeForecast& node) {
      return node.role == Role::kPrimary && shares_.held(node) < shares_.of(node) &&
             node.base <= node.ceiling;
    });
  }

  const Plan& plan_;
  const World& world_;
  const RebalanceSpec& spec_;
  std::map<NodeId, Flows> flows_;
  Shares shares_;
  Bytes fullest_receiver_ = 0;
};

std::string distance(Bytes stands, Bytes wall, const char* name) {
  return fmt::format("{} {} its {} of {}", human_bytes(std::abs(wall - stands)),
                     stands <= wall ? "below" : "over", name, human_bytes(wall));
}

std::string room(Bytes stands, const NodeForecast& node) {
  auto ceiling = distance(stands, node.ceiling, "ceiling");
  if (stands <= node.ceiling) return ceiling;
  return ceiling + " and " + distance(stands, node.flood, "flood watermark");
}

const NodeForecast* forecast_of(const Plan& plan, const NodeId& id) {
  const auto found = std::ranges::find(plan.nodes, id, &NodeForecast::id);
  return found == plan.nodes.end() ? nullptr : &*found;
}

void say_why(std::vector<std::string>& out, const Plan& plan, const NodeId& id) {
  const auto* node = forecast_of(plan, id);
  if (node != nullptr && !node->why.empty()) out.push_back(node->why);
}

std::string weight_of(const World& world, Slot slot) {
  return fmt::format("it holds {} keys, {}", world.sizes.keys[slot], human_bytes(world.sizes.bytes[slot]));
}

// The goal decides how much leaves a node, seldom which slots.
const char* choice(GoalType goal) {
  return goal == GoalType::kMove      ? "goal.move.assignments names it."
         : goal == GoalType::kBalance ? "Which slots make up the amount is free: runs of neighbours go "
                                        "first, then single ones that fit best."
                                      : "Every slot of its node leaves; runs of neighbours stay together.";
}

}  // namespace

void explain_nodes(Plan& plan, const World& world, const RebalanceSpec& spec) {
  const Explainer explainer(plan, world, spec);
  for (auto& node : plan.nodes) node.why = explainer.of(node);
}

std::string memory_sentence(const NodeForecast& node) {
  auto text = fmt::format("It uses {}, {} resident", human_bytes(node.used), human_bytes(node.base));
  if (node.limit == 0) return text + ".";
  text += fmt::format(" of a limit of {}", human_bytes(node.limit));
  if (node.peak <= node.base) return fmt::format("{}, {}.", text, room(node.base, node));
  const auto when = node.peak_batch < 0 ? std::string() : fmt::format(" in batch {}", node.peak_batch + 1);
  return fmt::format("{}; at most {}{}, {}.", text, human_bytes(node.peak), when, room(node.peak, node));
}

std::string engine_sentence(const PairEngine& pair, const World& world) {
  return fmt::format("{} -> {}: {}, {}{}", world.pod_of(pair.source), world.pod_of(pair.target),
                     engine_name(pair.engine), pair.why,
                     pair.lacking.empty() ? "" : fmt::format(" ({})", pair.lacking));
}

std::vector<std::string> explain_slot(const Plan& plan, const World& world, const RebalanceSpec& spec,
                                      Slot slot) {
  const bool slots_known =
      std::ranges::any_of(world.nodes, [](const auto& node) { return !node.slots.empty(); });
  const auto weight = slots_known ? "; " + weight_of(world, slot) : std::string();
  std::vector<std::string> out;
  for (const auto& batch : plan.batches) {
    if (!batch.slots.contains(slot)) continue;
    out.push_back(fmt::format("Slot {} goes from {} to {} in batch {} of {}{}.", slot,
                              world.pod_of(batch.source), world.pod_of(batch.target), batch.index + 1,
                              plan.batches.size(), weight));
    out.emplace_back(choice(spec.goal.type));
    say_why(out, plan, batch.source);
    say_why(out, plan, batch.target);
    for (const auto& pair : plan.engines)
      if (pair.source == batch.source && pair.target == batch.target)
        out.push_back(engine_sentence(pair, world));
    return out;
  }
  const auto owner =
      std::ranges::find_if(world.nodes, [&](const auto& node) { return node.slots.contains(slot); });
  if (owner != world.nodes.end()) {
    out.push_back(fmt::format("Slot {} stays at {}{}.", slot, owner->pod, weight));
    say_why(out, plan, owner->id);
  } else if (slots_known) {
    out.push_back(
        fmt::format("Slot {} has no owner and stays as it is; the goal Repair finds out why.", slot));
  } else {
    out.push_back(
        fmt::format("Slot {} is in no batch of the plan that is kept: it stays where it is.", slot));
  }
  return out;
}

Result<std::vector<std::string>> explain_pod(const Plan& plan, const World& world, const PodName& pod) {
  const auto node = std::ranges::find(plan.nodes, pod, &NodeForecast::pod);
  if (node == plan.nodes.end()) {
    std::vector<PodName> pods;
    for (const auto& each : plan.nodes) pods.push_back(each.pod);
    if (pods.empty()) return invalid_input("no pod of the cluster is known yet");
    return invalid_input(
        fmt::format("pod {} is not part of the cluster; its pods are {}.", pod, list_of(pods)));
  }
  std::vector<std::string> out;
  say_why(out, plan, node->id);
  out.push_back(memory_sentence(*node));
  for (const auto& pair : plan.engines)
    if (pair.source == node->id || pair.target == node->id) out.push_back(engine_sentence(pair, world));
  return out;
}

std::optional<std::string> limit_to_receive(const World& world, const RebalanceSpec& spec,
                                            const PodName& pod) {
  constexpr int kTries = 24;
  const auto* node = world.find_pod(pod);
  const auto walls = walls_of(*node, spec.headroom);
  if (walls.limit == 0 || node->role != Role::kPrimary || node->memory.base() <= walls.ceiling)
    return std::nullopt;
  const auto receives = [&](const Remedy& raised) {
    const auto then = applied(raised, world, spec);
    const auto draft = draft_plan(then.world, then.spec, {});
    return draft && !draft->schedule.refusal &&
           std::ranges::find(draft->schedule.batches, node->id, &Batch::target) !=
               draft->schedule.batches.end();
  };
  Remedy raised{"RaiseLimit", pod, {pod}, walls.limit, {}, {}};
  for (int i = 0; i < kTries; ++i) {
    raised.value = (raised.value + raised.value / 20 + kMiB - 1) / kMiB * kMiB;
    if (receives(raised))
      return fmt::format("With a memory limit of {} for {} it would receive.", quantity_text(raised.value),
                         pod);
  }
  return std::nullopt;
}

}  // namespace rebalance
