#include "migrate/look.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "migrate/slot_commands.h"
#include "redis/parse.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

constexpr int kCountsAtOnce = 1024;

// One node's own words.
struct NodeSaid {
  NodeId id;
  Role role = Role::kPrimary;
  NodeId primary;
  std::string run_id;
  OwnView own;
  std::array<std::uint16_t, kSlotCount> owner{};  // index into Seen::names; 0: nobody
  std::map<Slot, std::int64_t> counts;            // those above 0
  std::int64_t hidden = 0;
};

struct Seen {
  std::vector<NodeId> names{NodeId()};
  std::vector<NodeSaid> nodes;
  std::uint16_t index_of(const NodeId& id) {
    const auto found = std::ranges::find(names, id);
    if (found != names.end()) return static_cast<std::uint16_t>(found - names.begin());
    names.push_back(id);
    return static_cast<std::uint16_t>(names.size() - 1);
  }
};

std::int64_t keys_in_database(const Reply& keyspace) {
  const auto counts = info_field(keyspace, "db0");
  return whole_number<std::int64_t>(inner_field(counts, "keys")).value_or(0);
}

SlotSet marked(const OwnView& view) {
  SlotSet slots;
  for (const auto& mark : view.migrating) slots.add(mark.first);
  for (const auto& mark : view.importing) slots.add(mark.first);
  return slots;
}

Status count(NodeLink& link, const SlotSet& slots, NodeSaid& said) {
  std::vector<Slot> order;
  for_each_slot(slots, [&](Slot slot) { order.push_back(slot); });
  for (std::size_t first = 0; first < order.size(); first += kCountsAtOnce) {
    const auto last = std::min(order.size(), first + kCountsAtOnce);
    std::vector<Command> commands;
    for (auto i = first; i < last; ++i) commands.push_back(count_keys(order[i]));
    TRY(replies, link.send(commands, 5s));
    for (auto i = first; i < last; ++i) {
      if (const auto keys = replies[i - first].integer; keys > 0) said.counts[order[i]] = keys;
    }
  }
  return {};
}

// Keys that are in the database and in no slot that the node shows. Writes go on meanwhile, so the least of
// two looks counts.
Status look_for_hidden(NodeLink& link, NodeSaid& said) {
  std::int64_t shown = 0;
  for (const auto& [slot, keys] : said.counts) shown += keys;
  const std::vector<Command> keyspace{{"INFO", "keyspace"}};
  for (int look = 0; look < 2; ++look) {
    TRY(replies, link.send(keyspace, 5s));
    const auto hidden = std::max<std::int64_t>(0, keys_in_database(replies.front()) - shown);
    if (hidden == 0 || look == 1) {
      said.hidden = look == 0 ? hidden : std::min(hidden, said.hidden);
      return {};
    }
    said.hidden = hidden;
    said.counts.clear();
    SlotSet all;
    all.add(SlotRange{0, kSlotCount - 1});
    TRY_OK(count(link, all, said));
    shown = 0;
    for (const auto& [slot, keys] : said.counts) shown += keys;
  }
  return {};
}

Result<NodeSaid> ask_node(NodeLink& link, const SlotSet& counted, bool everything, Seen& seen) {
  const std::vector<Command> nodes{cluster_nodes()};
  TRY(replies, link.send(nodes, 5s));
  NodeSaid said;
  TRY(view, nodes_view(replies.front()));
  TRY(own, own_view(view));
  said.own = std::move(own);
  said.id = link.member().id;
  said.run_id = link.run_id();
  said.role = said.own.role;
  for (const auto& line : view.nodes) {
    if (line.myself) said.primary = line.primary;
    const auto index = seen.index_of(line.id);
    for_each_slot(line.slots, [&](Slot slot) { said.owner[slot] = index; });
  }
  if (said.role == Role::kReplica) return said;
  SlotSet all = counted;
  if (everything) all.add(SlotRange{0, kSlotCount - 1});
  all.add(marked(said.own));
  TRY_OK(count(link, all, said));
  if (everything) TRY_OK(look_for_hidden(link, said));
  return said;
}

bool odd(const Seen& seen, Slot slot) {
  int owners = 0;
  std::set<std::uint16_t> believed;
  for (const auto& node : seen.nodes) {
    const bool owns = node.own.slots.contains(slot);
    if (node.role == Role::kPrimary) {
      owners += owns ? 1 : 0;
      believed.insert(node.owner[slot]);
      if (!owns && node.counts.contains(slot)) return true;
    }
    if (node.own.migrating.contains(slot) || node.own.importing.contains(slot)) return true;
  }
  return owners != 1 || believed.size() != 1;
}

NodeId peer(const std::map<Slot, NodeId>& marks, Slot slot) {
  const auto found = marks.find(slot);
  return found == marks.end() ? NodeId() : found->second;
}

OddSlot describe(const Seen& seen, Slot slot) {
  OddSlot odd{slot, {}};
  for (const auto& node : seen.nodes) {
    const auto keys = node.counts.find(slot);
    odd.nodes.push_back({node.id, node.role, node.role == Role::kPrimary && node.own.slots.contains(slot),
                         seen.names[node.owner[slot]], peer(node.own.migrating, slot),
                         peer(node.own.importing, slot), keys == node.counts.end() ? 0 : keys->second});
  }
  return odd;
}

}  // namespace

Result<RepairPicture> look_for_odd_slots(std::vector<NodeLink>& links, const RepairJob& job,
                                         const std::stop_token& stop) {
  SlotSet ours;
  for (const auto& intent : job.intents) ours.add(intent.slots);
  ours.add(job.replica_marks);
  Seen seen;
  for (auto& link : links) {
    if (!link.connected() && !link.connect(stop)) continue;
    auto said = ask_node(link, ours, job.everything, seen);
    if (said) seen.nodes.push_back(std::move(*said));
  }
  if (seen.nodes.empty()) return error(ErrorCode::kUnavailable, "no node of the cluster can be reached");
  RepairPicture picture;
  picture.intents = job.intents;
  picture.everything = job.everything;
  picture.replica_marks = job.replica_marks;
  for (const auto& node : seen.nodes) {
    picture.run_ids[node.id] = node.run_id;
    if (node.role == Role::kReplica) picture.replica_of[node.id] = node.primary;
    if (node.role == Role::kPrimary) picture.owned[node.id] = node.own.slots.size();
    if (node.hidden > 0) picture.hidden[node.id] = node.hidden;
  }
  for (int slot = 0; slot < kSlotCount; ++slot) {
    const auto number = static_cast<Slot>(slot);
    if ((job.everything || ours.contains(number)) && odd(seen, number))
      picture.slots.push_back(describe(seen, number));
  }
  return picture;
}

}  // namespace rebalance
