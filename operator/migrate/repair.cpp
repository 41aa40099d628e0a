#include "migrate/repair.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/wait.h"
#include "migrate/atomic.h"
#include "migrate/classify.h"
#include "migrate/look.h"
#include "migrate/merge.h"
#include "migrate/pair_driver.h"
#include "migrate/slot_commands.h"
#include "redis/atomic_tasks.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;
using Kind = RepairStep::Kind;

// A slot needs three at most: assigned, merged, told. One more shows that nothing is left.
constexpr int kPasses = 6;
constexpr int kWatches = 3;
constexpr int kTaskLooks = 200;  // of 100 ms: a source gives up on a dead target within its time-outs

std::unexpected<Error> refusal(const Member& node, const Command& command, const std::string& text) {
  return error(ErrorCode::kConflict, fmt::format("{} refused CLUSTER {} {}: {}", node.pod, command[1],
                                                 command.size() > 2 ? command[2] : "", text));
}

// What a repair finishes stays in the journal until a look has found it sound: other nodes may hold keys of
// it.
class UntilLooked final : public IntentLog {
 public:
  Status open(const MoveIntent&) override { return {}; }
  Status begin(const NodeId&, const NodeId&, const SlotSet&) override { return {}; }
  Status close(const NodeId&, const NodeId&, const SlotSet&) override { return {}; }
  std::vector<MoveIntent> intents() const override { return {}; }
};

class RepairRun {
 public:
  RepairRun(RepairJob job, const Hooks& hooks, std::stop_token stop)
      : job_(std::move(job)), hooks_(hooks), stop_(std::move(stop)) {
    for (const auto& node : job_.nodes) links_.emplace_back(node, 1);
  }

  RepairResult run();

 private:
  Status repair();
  Result<RepairPicture> look();
  SlotSet changed(const RepairPicture& before, const RepairPicture& after) const;
  Status name_owners(const RepairPicture& picture, const std::vector<RepairStep>& steps);
  Status execute(const RepairStep& step);
  Status finish(const RepairStep& step);
  Status merge(const RepairStep& step);
  Status unstage(const RepairStep& step);
  Status assign(const RepairStep& step);
  Status notify(const RepairStep& step, const std::vector<Command>& commands);
  Status tell(const NodeId& node, std::vector<Command> commands);
  Status end_task(const MoveIntent& intent);
  Status see_task_end(const MoveIntent& intent, const NodeId& at, bool commanded_here);
  Status cancel_task(NodeLink& link, Engine engine, const AtomicTask& task, bool alone);
  bool unseen(const NodeId& node);
  NodeLink* link_to(const NodeId& id);  // nullptr: it is not among those to repair
  Status close_intents(const RepairPicture& picture);
  const Member* member(const NodeId& id) const;
  std::vector<Member> others(const RepairStep& step) const;

  RepairJob job_;
  const Hooks& hooks_;
  std::stop_token stop_;
  std::vector<NodeLink> links_;
  SlotSet touched_;
  Pace pace_;
  RepairResult result_;
};

RepairResult RepairRun::run() {
  if (auto done = repair(); !done) result_.error = std::move(done).error();
  return std::move(result_);
}

// Look, do what is certain, look again: until nothing is odd, or only what needs a person.
Status RepairRun::repair() {
  for (int pass = 0; pass < kPasses; ++pass) {
    if (stop_.stop_requested()) return error(ErrorCode::kStopped, "stopped on request");
    for (const auto& intent : job_.intents) TRY_OK(end_task(intent));
    TRY(picture, look());
    TRY_OK(close_intents(picture));
    auto steps = plan_repair(picture);
    result_.reports.clear();
    std::ranges::copy_if(steps, std::back_inserter(result_.reports),
                         [](const RepairStep& step) { return step.kind == Kind::kReport; });
    std::erase_if(steps, [](const RepairStep& step) { return step.kind == Kind::kReport; });
    result_.repaired = touched_;
    for (const auto& slot : picture.slots) result_.repaired.remove(slot.slot);
    if (steps.empty()) return {};
    TRY_OK(name_owners(picture, steps));
    // A node may take over while keys move: told late, it would give away what it owns by then.
    std::ranges::stable_partition(steps, [](const RepairStep& step) { return step.kind == Kind::kNotify; });
    for (const auto& step : steps) {
      TRY_OK(execute(step));
      touched_.add(step.slots);
      result_.steps.push_back(step);
    }
    wait_for(stop_, 200ms);  // gossip: an owner's word reaches the others with the next pings
  }
  return error(ErrorCode::kTimeout,
               fmt::format("slots are still odd after {} rounds of repair: look again in a minute", kPasses));
}

// Open slots that are not ours are watched for a while: a foreign migration shows by its counts. Valkey >= 8
// rewrites marks by itself after a failover, once; a migration goes on changing them.
Result<RepairPicture> RepairRun::look() {
  TRY(picture, look_for_odd_slots(links_, job_, stop_));
  if (!job_.everything || picture.slots.empty() || !result_.steps.empty()) return picture;
  for (int watch = 0; watch < kWatches; ++watch) {
    wait_for(stop_, job_.watch);
    TRY(after, look_for_odd_slots(links_, job_, stop_));
    after.live = changed(picture, after);
    picture = std::move(after);
    if (picture.live.empty()) break;
  }
  return picture;
}

SlotSet RepairRun::changed(const RepairPicture& before, const RepairPicture& after) const {
  SlotSet ours, live;
  for (const auto& intent : job_.intents) ours.add(intent.slots);
  const auto marks = [](const SlotOnNode& node) {
    return std::tie(node.id, node.migrating_to, node.importing_from, node.owns);
  };
  for (const auto& slot : after.slots) {
    if (ours.contains(slot.slot)) continue;
    const auto open = [](const SlotOnNode& node) {
      return !node.migrating_to.empty() || !node.importing_from.empty();
    };
    if (std::ranges::none_of(slot.nodes, open)) continue;
    const auto old = std::ranges::find(before.slots, slot.slot, &OddSlot::slot);
    // New keys of clients make the target's count grow; what tells a migration is that the source's falls, or
    // a mark comes.
    const bool same =
        old != before.slots.end() &&
        std::ranges::equal(old->nodes, slot.nodes, [&](const SlotOnNode& a, const SlotOnNode& b) {
          return marks(a) == marks(b) && (!a.owns || b.keys >= a.keys);
        });
    if (!same) live.add(slot.slot);
  }
  return live;
}

// A node that imports a slot hears from gossip that the slot's owner is a replica now, but not who took its
// place (cluster.c, clusterUpdateSlotsConfigWith). With a slot that nobody owns it takes the cluster for down
// and serves nothing: no client, and none of our MIGRATEs. So it is told first, of all slots.
Status RepairRun::name_owners(const RepairPicture& picture, const std::vector<RepairStep>& steps) {
  SlotSet ours;
  for (const auto& step : steps) ours.add(step.slots);
  std::map<NodeId, std::vector<Command>> words;
  for (const auto& slot : picture.slots) {
    const auto owner = std::ranges::find(slot.nodes, true, &SlotOnNode::owns);
    if (owner == slot.nodes.end() || !ours.contains(slot.slot)) continue;
    for (const auto& node : slot.nodes) {
      if (node.role == Role::kReplica || !node.owner.empty()) continue;
      words[node.id].push_back(setslot(slot.slot, "NODE", owner->id));
      if (!node.importing_from.empty()) words[node.id].push_back(setslot(slot.slot, "IMPORTING", owner->id));
    }
  }
  for (auto& [node, commands] : words) TRY_OK(tell(node, std::move(commands)));
  return {};
}

Status RepairRun::execute(const RepairStep& step) {
  const LogFields fields("slots", step.slots.text());
  if (step.kind != Kind::kReport) log_info("repair: " + step.reason);
  switch (step.kind) {
    case Kind::kFinish: return finish(step);
    case Kind::kMerge: return merge(step);
    case Kind::kUnstage:
    case Kind::kClear: return unstage(step);
    case Kind::kAssign: return assign(step);
    case Kind::kStable: return tell(step.source, setslot_stable_each(step.slots));
    case Kind::kNotify: return notify(step, setslot_each(step.slots, "NODE", step.target));
    case Kind::kReport: break;
  }
  return {};
}

// Marks first, so that the engine finds both sides open: a failed over node has forgotten its own, and its
// successor never had one. The keys that are there already are then conflicts for the engine to judge.
Status RepairRun::finish(const RepairStep& step) {
  const auto *source = member(step.source), *target = member(step.target);
  if (source == nullptr || target == nullptr) return {};
  MoveIntent intent{Engine::kKeyByKey, step.source, step.target, {}, {}, step.slots};
  if (!step.proven)
    TRY_OK(hooks_.intents.open(intent));  // without a life: it proves nothing, and is found after a crash
  TRY_OK(tell(step.target, setslot_each(step.slots, "IMPORTING", step.source)));
  TRY_OK(tell(step.source, setslot_each(step.slots, "MIGRATING", step.target)));
  BatchJob batch{
      Batch{0, step.source, step.target, step.slots, 0, 0}, *source, *target, others(step), {}, job_.options};
  for (const auto& link : links_) {
    if (link.member().id == step.source && step.proven) intent.source_run_id = link.run_id();
  }
  batch.earlier = {intent};
  UntilLooked kept;
  const Hooks looked_after{hooks_.gate, kept, hooks_.ownership, hooks_.progress, hooks_.speed};
  auto moved = run_batch(batch, step.proven ? looked_after : hooks_, stop_);
  for (const auto& skipped : moved.skipped) {
    RepairStep report{Kind::kReport, {}, step.source, step.target, false, skipped.reason};
    report.slots.add(skipped.slot);
    result_.reports.push_back(std::move(report));
  }
  return moved.error ? std::unexpected(std::move(*moved.error)) : Status{};
}

Status RepairRun::merge(const RepairStep& step) {
  const auto *source = member(step.source), *target = member(step.target);
  if (source == nullptr || target == nullptr) return {};
  PairDriver pair(*source, *target, {}, job_.options, hooks_, stop_);
  TRY_OK(pair.connect());
  TRY(address, pair.address());
  const auto engine = make_merge({pair.source(),
                                  pair.target(),
                                  std::move(address),
                                  step.slots,
                                  {},
                                  {},
                                  job_.options.node_timeout,
                                  job_.options.attempts,
                                  {}},
                                 pace_);
  return pair.drive(*engine, [](const Progress&) {});
}

// It ends all other connections of this claim to both nodes, ours among them.
Status RepairRun::unstage(const RepairStep& step) {
  const auto *source = member(step.source), *target = member(step.target);
  if (source == nullptr || target == nullptr) return {};
  PairDriver pair(*source, *target, {}, job_.options, hooks_, stop_);
  TRY_OK(pair.connect());
  const auto engine =
      make_unstage({pair.source(), pair.target(), step.slots, copies_that_go(step), job_.options.attempts});
  const auto done = pair.drive(*engine, [](const Progress&) {});
  for (const auto& node : {step.source, step.target}) {
    if (auto* link = link_to(node)) TRY_OK(link->connect(stop_));
  }
  return done;
}

// The owner's epoch is raised so that its word wins wherever another claim is still remembered.
Status RepairRun::notify(const RepairStep& step, const std::vector<Command>& commands) {
  const Ownership::Turn turn(hooks_.ownership, step.target);
  TRY_OK(tell(step.source, commands));
  return tell(step.target, {{"CLUSTER", "BUMPEPOCH"}});
}

// Not ADDSLOTS: that refuses a slot which the node believes to be another's.
Status RepairRun::assign(const RepairStep& step) {
  const Ownership::Turn turn(hooks_.ownership, step.target);
  auto commands = setslot_each(step.slots, "NODE", step.target);
  commands.push_back({"CLUSTER", "BUMPEPOCH"});
  return tell(step.target, commands);
}

// What a node cannot do yet (gossip still has to tell it of a failover) is asked again; only what was
// refused, since most of these commands fail when repeated.
Status RepairRun::tell(const NodeId& node, std::vector<Command> commands) {
  NodeLink* link = link_to(node);
  if (link == nullptr)
    return error(ErrorCode::kInternal, fmt::format("node {} is not among those to repair", node));
  for (int tries = 1;; ++tries) {
    TRY_OK(hooks_.gate.may_write());
    if (!link->connected()) TRY_OK(link->connect(stop_));
    TRY(replies, link->send(commands, 10s));
    std::vector<Command> again;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (!replies[i].is_error()) continue;
      if (classify(replies[i].text) != Failure::kTransient || tries > job_.options.attempts)
        return refusal(link->member(), commands[i], replies[i].text);
      again.push_back(commands[i]);
    }
    if (again.empty()) return {};
    commands = std::move(again);
    wait_for(stop_, back_off(tries));
  }
}

// An atomic migration that an earlier run began and nobody watched since: it is cancelled where it was
// commanded. The other end then sees it end by itself, later where its peer has died, and counts as busy
// until then. Who owns the slots afterwards is told by the servers.
Status RepairRun::end_task(const MoveIntent& intent) {
  if (!is_atomic(intent.engine)) return {};
  const bool redis = intent.engine == Engine::kAtomicRedis;
  const auto& [commander, other] =
      redis ? std::pair(intent.target, intent.source) : std::pair(intent.source, intent.target);
  TRY_OK(see_task_end(intent, commander, true));
  return see_task_end(intent, other, false);
}

Status RepairRun::see_task_end(const MoveIntent& intent, const NodeId& at, bool commanded_here) {
  NodeLink* link = link_to(at);
  if (link == nullptr) return {};  // it has left the cluster
  if (!link->connected()) {
    if (auto connected = link->connect(stop_); !connected) return commanded_here ? connected : Status{};
  }
  const auto is_ours = [&](const AtomicTask& task) {
    return task.moves(intent.source, intent.target, intent.slots);
  };
  for (int look = 0; look < kTaskLooks; ++look) {
    const std::vector<Command> list{list_atomic(intent.engine)};
    TRY(replies, link->send(list, 5s));
    auto tasks = parse_atomic_tasks(replies.front());
    std::erase_if(tasks,
                  [&](const AtomicTask& task) { return !task.live || task.import != (at == intent.target); });
    const auto ours = std::ranges::find_if(tasks, is_ours);
    if (ours == tasks.end()) return {};
    if (look == 0 && commanded_here) {
      const bool alone = std::ranges::all_of(tasks, is_ours);
      TRY_OK(cancel_task(*link, intent.engine, *ours, alone));
    }
    wait_for(stop_, 100ms);
  }
  return error(ErrorCode::kTimeout, fmt::format("{} does not end its atomic migration of slots {}",
                                                link->member().pod, intent.slots.text()));
}

Status RepairRun::cancel_task(NodeLink& link, Engine engine, const AtomicTask& task, bool alone) {
  if (engine != Engine::kAtomicRedis && !alone) {
    return error(ErrorCode::kConflict,
                 fmt::format("{} has an atomic migration of somebody else beside ours of slots {}: one "
                             "cannot be ended without the other; wait for both",
                             link.member().pod, task.slots.text()));
  }
  TRY_OK(hooks_.gate.may_write());
  log_info(fmt::format("ending the atomic migration of slots {} that was under way", task.slots.text()));
  const std::vector<Command> cancel{cancel_atomic(engine, task.id)};
  TRY_OK(link.send(cancel, 5s));
  return {};
}

// A node of the cluster that did not answer: what it marks is not known.
bool RepairRun::unseen(const NodeId& node) {
  const NodeLink* link = link_to(node);
  if (link != nullptr && link->connected()) return false;
  return std::ranges::any_of(links_, [&](NodeLink& other) {
    if (!other.connected()) return false;
    const std::vector<Command> question{cluster_nodes()};
    const auto replies = other.send(question, 5s);
    return !replies || replies->front().text.find(node) != std::string::npos;
  });
}

// What is sound again on both nodes needs no intent.
Status RepairRun::close_intents(const RepairPicture& picture) {
  SlotSet odd;
  for (const auto& slot : picture.slots) odd.add(slot.slot);
  for (auto& intent : job_.intents) {
    SlotSet closed = intent.slots;
    closed.remove(odd);
    if (closed.empty() || unseen(intent.source) || unseen(intent.target)) continue;
    TRY_OK(hooks_.intents.close(intent.source, intent.target, closed));
    intent.slots.remove(closed);
    touched_.add(closed);
  }
  return {};
}

NodeLink* RepairRun::link_to(const NodeId& id) {
  const auto found =
      std::ranges::find_if(links_, [&](const NodeLink& link) { return link.member().id == id; });
  return found == links_.end() ? nullptr : &*found;
}

const Member* RepairRun::member(const NodeId& id) const {
  const auto found = std::ranges::find(job_.nodes, id, &Member::id);
  return found == job_.nodes.end() ? nullptr : &*found;
}

std::vector<Member> RepairRun::others(const RepairStep& step) const {
  std::vector<Member> others;
  for (const auto& node : job_.nodes) {
    if (node.id != step.source && node.id != step.target) others.push_back(node);
  }
  return others;
}

}  // namespace

RepairResult run_repair(const RepairJob& job, const Hooks& hooks, std::stop_token stop) {
  return RepairRun(job, hooks, std::move(stop)).run();
}

}  // namespace rebalance
