// Who takes over after a crash or a failover: RepairRun's rules, over the real plan and the real engines.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "migrate/classify.h"
#include "migrate/merge.h"
#include "migrate/slot_commands.h"
#include "migrate/unstage.h"
#include "world.h"

namespace rebalance::model {
namespace {

constexpr int kPasses = 6, kAttempts = 4;

PairNode pair_node(const NodeId& id) { return {id, id, id, true}; }

}  // namespace

void World::recover() {
  recovering_ = true;
  close_links(true);
  for (auto& [id, connection] : servers_.connections()) {
    connection.ours = false;
    if (connection.inbox.empty()) connection.alive = false;
  }
  if (std::exchange(unfenced_, false)) fence();
  if (intent_->begun) alone_.merge(only_on_others());  // before that they are copies alone
  if (const auto done = repair(); !done) reports_.push_back(done.error().message);
}

// A new claim ends the connections of the older one on every node before its first write.
void World::fence() {
  std::vector<NodeId> nodes;
  for (const auto& [id, server] : servers_.nodes()) nodes.push_back(id);
  for (const auto& id : nodes) {
    point();
    for (auto& [number, connection] : servers_.connections()) {
      if (connection.node == id && removed_ != Removed::kFenceOfTakeover) connection.alive = false;
    }
  }
}

Status World::repair() {
  for (int pass = 0; pass < kPasses; ++pass) {
    point();
    const auto picture = look();
    SlotSet closed = intent_->slots;
    for (const auto& slot : picture.slots) closed.remove(slot.slot);
    intent_->slots.remove(closed);
    auto steps = plan_repair(picture);
    reports_.clear();
    for (const auto& step : steps) {
      if (step.kind == RepairStep::Kind::kReport) reports_.push_back(step.reason);
    }
    std::erase_if(steps, [](const RepairStep& step) { return step.kind == RepairStep::Kind::kReport; });
    if (steps.empty()) return {};
    for (const auto& step : steps) TRY_OK(execute(step));
  }
  return error(ErrorCode::kTimeout, "slots are still odd");
}

bool World::odd(Slot slot) {
  std::set<NodeId> believed;
  int owners = 0;
  for (const auto& [id, server] : servers_.nodes()) {
    const bool owns = servers_.owns(server, slot);
    owners += owns ? 1 : 0;
    believed.insert(server.owner.at(slot));
    if (!owns && servers_.count(server, slot) > 0) return true;
    if (server.migrating.contains(slot) || server.importing.contains(slot)) return true;
  }
  return owners != 1 || believed.size() != 1;
}

// A node whose place was taken comes back as a replica.
RepairPicture World::look() {
  RepairPicture picture;
  picture.intents = {*intent_};
  const auto peer = [](const std::map<Slot, NodeId>& marks, Slot slot) {
    return marks.contains(slot) ? marks.at(slot) : NodeId();
  };
  for_each_slot(slots_, [&](Slot slot) {
    if (!odd(slot)) return;
    auto& seen = picture.slots.emplace_back(OddSlot{slot, {}});
    for (const auto& [id, server] : servers_.nodes()) {
      seen.nodes.push_back({id, Role::kPrimary, servers_.owns(server, slot), server.owner.at(slot),
                            peer(server.migrating, slot), peer(server.importing, slot),
                            servers_.count(server, slot)});
    }
  });
  for (const auto& [id, server] : servers_.nodes()) {
    picture.run_ids[id] = id;
    picture.owned[id] = 10;
  }
  for (const auto& [old, heir] : heirs_) {
    picture.replica_of[old] = heir;
    picture.run_ids[old] = old + " again";
  }
  return picture;
}

Status World::execute(const RepairStep& step) {
  using Kind = RepairStep::Kind;
  GroupJob job{pair_node(step.source), pair_node(step.target), {step.target, 1, {}, {}}, step.slots, {}, {}};
  switch (step.kind) {
    case Kind::kFinish: return finish(step);
    case Kind::kMerge: {
      const auto done = drive(*make_merge(std::move(job), pace_), step.source, step.target);
      return done ? Status{} : std::unexpected(done.error());
    }
    case Kind::kUnstage:
    case Kind::kClear: {
      const auto engine = make_unstage({job.source, job.target, step.slots, copies_that_go(step), kAttempts});
      const auto done = drive(*engine, step.source, step.target);
      return done ? Status{} : std::unexpected(done.error());
    }
    case Kind::kStable: return tell(step.source, setslot_stable_each(step.slots));
    case Kind::kNotify: return tell(step.source, setslot_each(step.slots, "NODE", step.target));
    case Kind::kAssign: return tell(step.target, setslot_each(step.slots, "NODE", step.target));
    case Kind::kReport: return {};
  }
  return {};
}

Status World::finish(const RepairStep& step) {
  TRY_OK(tell(step.target, setslot_each(step.slots, "IMPORTING", step.source)));
  TRY_OK(tell(step.source, setslot_each(step.slots, "MIGRATING", step.target)));
  GroupJob job{
      pair_node(step.source), pair_node(step.target), {step.target, 1, {}, {}}, step.slots, step.slots, {}};
  if (step.proven) job.proven = step.slots;
  job.attempts = kAttempts;
  const auto done = drive(*make_key_by_key(std::move(job), pace_), step.source, step.target);
  return done ? Status{} : std::unexpected(done.error());
}

Status World::tell(const NodeId& node, std::vector<Command> commands) {
  source_ = target_ = node;
  close_links(true);
  const auto event = perform({Side::kSource, std::move(commands)});
  const auto* told = std::get_if<Answer>(&event);
  if (told == nullptr) return error(ErrorCode::kUnavailable, "the connection ended");
  const auto* wrong = first_error(told->replies);
  return wrong == nullptr ? Status{} : error(ErrorCode::kConflict, wrong->text);
}

}  // namespace rebalance::model
