// All nodes give one owner for slots that moved: gossip takes a moment, a partition takes longer.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/wait.h"
#include "migrate/node_link.h"
#include "migrate/runner.h"
#include "redis/parse.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

// Why this node does not agree; nullopt: it does. Marks on replicas are left to Repair: Valkey
// replicas may keep stale ones after a full sync (valkey issue 998).
std::optional<std::string> disagreement(NodeLink& link, const NodeId& owner, const SlotSet& slots,
                                        std::stop_token stop) {
  if (!link.connected()) {
    if (auto connected = link.connect(stop); !connected) return connected.error().message;
  }
  const std::vector<Command> nodes{{"CLUSTER", "NODES"}};
  const auto replies = link.send(nodes, 2s);
  if (!replies) return replies.error().message;
  const auto view = parse_cluster_nodes(replies->front().text);
  if (!view) return view.error().message;
  const auto line = std::ranges::find(view->nodes, owner, &Gossip::id);
  SlotSet missing = slots;
  if (line != view->nodes.end()) missing.remove(line->slots);
  if (!missing.empty())
    return fmt::format("{} does not know the new owner of slots {} yet", link.member().pod, missing.text());
  const auto myself = std::ranges::find(view->nodes, true, &Gossip::myself);
  if (myself != view->nodes.end() && myself->role == Role::kReplica) return std::nullopt;
  for (const auto& mark : view->open) {
    if (slots.contains(mark.slot))
      return fmt::format("{} still marks slot {} as open", link.member().pod, mark.slot);
  }
  return std::nullopt;
}

}  // namespace

Status wait_for_agreement(const std::vector<Member>& nodes, const NodeId& owner, const SlotSet& slots,
                          Millis limit) {
  const Instant end = BootClock::now() + limit;
  std::vector<NodeLink> waiting;
  for (const auto& node : nodes) waiting.emplace_back(node, 1);
  std::string last;
  for (Millis pause = 4ms;; pause = std::min(pause * 2, Millis(250))) {
    std::erase_if(waiting, [&](NodeLink& link) {
      auto why = disagreement(link, owner, slots, {});
      if (why) last = *why;
      return !why;
    });
    if (waiting.empty()) return {};
    if (BootClock::now() + pause > end) break;
    wait_for({}, pause);
  }
  return error(ErrorCode::kTimeout,
               fmt::format("NotConverged: {} of {} nodes do not agree after {:.0f} s; the last: {}",
                           waiting.size(), nodes.size(), std::chrono::duration<double>(limit).count(), last));
}

}  // namespace rebalance
