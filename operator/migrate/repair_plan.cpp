// The table of repairs: one function a situation, in the order in which they are told apart. Compare
// redis-cli's clusterManagerFixOpenSlot, whose "most keys wins" picks the wrong side after an interrupted
// move.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "migrate/repair.h"
#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

using Kind = RepairStep::Kind;
using Steps = std::vector<RepairStep>;

class OneSlot {
 public:
  OneSlot(const RepairPicture& picture, const OddSlot& slot) : picture_(picture), slot_(slot) {
    for (const auto& node : slot.nodes) {
      if (node.role == Role::kReplica) continue;
      if (node.owns) owners_.push_back(&node);
      if (node.keys > 0) holders_.push_back(&node);
    }
    for (const auto& intent : picture.intents) {
      if (intent.slots.contains(slot.slot)) intent_ = &intent;
    }
  }

  Steps steps() const {
    if (!picture_.everything && intent_ == nullptr)
      return picture_.replica_marks.contains(slot_.slot) ? replica_marks() : Steps();
    if (picture_.live.contains(slot_.slot))
      return report({},
                    "its keys or marks change while we watch: somebody else moves it, so it is left alone");
    if (const auto dead = dead_owner())
      return report(*dead,
                    "its owner cannot be reached: bring it back, or let one of its replicas take over; its "
                    "slots are never taken");
    if (owners_.empty()) return unowned();
    if (owners_.size() > 1) return owned_twice();
    auto steps = strangers(*owners_.front());
    if (steps.empty()) steps = marks_of_owner(*owners_.front());
    if (steps.empty()) steps = views(*owners_.front());
    for (auto& step : replica_marks()) steps.push_back(std::move(step));
    return steps;
  }

 private:
  // Nobody reachable owns it by its own word, and somebody names an owner that did not answer.
  std::optional<NodeId> dead_owner() const {
    for (const auto& node : slot_.nodes) {
      if (!node.owner.empty() && owners_.empty() && !picture_.run_ids.contains(node.owner)) return node.owner;
    }
    return std::nullopt;
  }

  Steps unowned() const {
    if (holders_.empty()) {
      if (any_hidden())
        return report({},
                      "nobody owns it, and a node holds keys that it does not show: set it IMPORTING there "
                      "to see whether they are of this slot");
      return one(Kind::kAssign, {}, home(), "nobody owns it and no node holds keys of it");
    }
    const auto* most = *std::ranges::max_element(holders_, {}, &SlotOnNode::keys);
    if (holders_.size() == 1)
      return one(Kind::kAssign, {}, most->id, "nobody owns it and one node holds all keys of it");
    return one(Kind::kAssign, {}, most->id,
               "nobody owns it and several nodes hold keys of it: the one with most owns it, the others' "
               "keys come after");
  }

  // For a slot without keys: where an interrupted move wanted it, else the primary with fewest slots.
  NodeId home() const {
    if (intent_ != nullptr && picture_.owned.contains(intent_->target)) return intent_->target;
    const auto fewest = std::ranges::min_element(
        picture_.owned, {}, [](const auto& entry) { return entry.second == 0 ? kSlotCount : entry.second; });
    return fewest->first;
  }

  Steps owned_twice() const {
    if (holders_.size() > 1)
      return report({},
                    "two nodes own it and both hold keys of it: the one with the lower epoch deletes its own "
                    "when they meet; save both first");
    const SlotOnNode* winner = holders_.empty() ? believed() : holders_.front();
    if (!winner->owns) return report(winner->id, "two nodes own it and a third holds its keys");
    Steps steps;
    for (const auto* loser : owners_) {
      if (loser != winner)
        steps.push_back(
            step(Kind::kNotify, loser->id, winner->id, "two nodes own it, and this one holds no key of it"));
    }
    return steps;
  }

  // Without keys: the intended target, else whom most nodes believe.
  const SlotOnNode* believed() const {
    const auto votes = [&](const SlotOnNode* owner) {
      const bool meant = intent_ != nullptr && intent_->target == owner->id;
      return (meant ? 1'000'000 : 0) + std::ranges::count(slot_.nodes, owner->id, &SlotOnNode::owner);
    };
    return *std::ranges::max_element(owners_, {}, votes);
  }

  // Keys and IMPORTING marks on nodes other than the owner and the one that it migrates to.
  Steps strangers(const SlotOnNode& owner) const {
    Steps steps;
    for (const auto& node : slot_.nodes) {
      if (node.role == Role::kReplica || node.id == owner.id || node.id == heir(owner)) continue;
      if (untouched(owner, node)) {
        steps.push_back(step(Kind::kClear, owner.id, node.id,
                             "a live copy was interrupted before it handed anything over: its copies go"));
      } else if (staged(owner, node)) {
        steps.push_back(
            step(Kind::kUnstage, owner.id, node.id,
                 "an interrupted live copy has left copies of keys that their owner still serves"));
        steps.back().proven = owner.id == intent_->source;
      } else if (node.keys > 0 && node.importing_from == owner.id && meant(owner.id, node.id)) {
        steps.push_back(
            finish(owner.id, node.id, "the target holds keys of it and the source has forgotten the move"));
      } else if (node.keys > 0) {
        // An owner that moves it answers ASK for keys that it has given: they are brought to the next one,
        // then.
        if (find(heir(owner)) != nullptr) continue;
        steps.push_back(
            step(Kind::kMerge, node.id, owner.id, "a node that does not own it holds keys of it"));
      } else if (!node.importing_from.empty() || !node.migrating_to.empty()) {
        if (hidden(node.id) && node.importing_from.empty()) continue;
        steps.push_back(step(Kind::kStable, node.id, {},
                             "it is marked on a node that neither owns it nor holds keys of it"));
      }
    }
    return steps;
  }

  // Copies of a hand-over that did not happen: the owner would be MIGRATING. Where another node has taken the
  // source's place the mark went with it: then keys of the slot on the owner tell that nothing was given.
  bool staged(const SlotOnNode& owner, const SlotOnNode& node) const {
    if (intent_ == nullptr || intent_->engine != Engine::kLiveCopy || !owner.migrating_to.empty())
      return false;
    const auto taken = picture_.replica_of.find(intent_->target);
    const bool given =
        owner.id == intent_->target || (taken != picture_.replica_of.end() && taken->second == owner.id);
    if (given || (owner.id != intent_->source && owner.keys == 0)) return false;
    return node.keys > 0 || node.importing_from == intent_->source;
  }

  // The journal was to be told before the first hand-over. The mark, which nobody else set, tells that the
  // target was looked at first, and held no key of the slot.
  bool untouched(const SlotOnNode& owner, const SlotOnNode& node) const {
    return intent_ != nullptr && intent_->engine == Engine::kLiveCopy && !intent_->begun &&
           node.id == intent_->target && node.importing_from == intent_->source &&
           owner.id != intent_->target && owner.migrating_to.empty();
  }

  Steps marks_of_owner(const SlotOnNode& owner) const {
    if (!owner.importing_from.empty())
      return one(Kind::kStable, owner.id, {}, "its owner marks it as importing");
    if (owner.migrating_to.empty()) return {};
    const auto target = heir(owner);
    const auto* there = find(target);
    if (there == nullptr)
      return report(owner.migrating_to,
                    "it migrates to a node that cannot be reached, which may hold part of its keys: bring "
                    "that node back");
    const bool begun =
        there->keys > 0 || !there->importing_from.empty() || hidden(target) || meant(owner.id, target);
    if (begun) {
      return {finish(owner.id, target,
                     there->importing_from.empty() ? "it migrates to a node that has lost its mark"
                                                   : "it is open on both sides")};
    }
    return one(Kind::kStable, owner.id, {}, "it is marked migrating, and the other side knows of nothing");
  }

  // Primaries that believe in another owner and hold no key of it.
  Steps views(const SlotOnNode& owner) const {
    Steps steps;
    for (const auto& node : slot_.nodes) {
      if (node.role == Role::kReplica || node.id == owner.id || node.owner == owner.id) continue;
      steps.push_back(step(Kind::kNotify, node.id, owner.id, "a node believes in another owner"));
    }
    return steps;
  }

  // A Valkey replica that synced anew keeps marks that its primary has not (valkey issue 998), refuses
  // SETSLOT, and would serve by them once it takes over. Its primary's STABLE is replicated, whether that one
  // has a mark or not (tried on 8.1 and 9.1).
  Steps replica_marks() const {
    Steps steps;
    for (const auto& node : slot_.nodes) {
      if (node.role == Role::kPrimary || !marked(node)) continue;
      const auto primary = picture_.replica_of.find(node.id);
      const auto* there = primary == picture_.replica_of.end() ? nullptr : find(primary->second);
      if (there != nullptr && !marked(*there))
        steps.push_back(
            step(Kind::kStable, there->id, {}, "a replica keeps a mark that its primary has not"));
    }
    return steps;
  }
  static bool marked(const SlotOnNode& node) {
    return !node.migrating_to.empty() || !node.importing_from.empty();
  }

  // Where the owner migrates it to; if that one failed over, who took its place.
  NodeId heir(const SlotOnNode& owner) const {
    const auto taken = picture_.replica_of.find(owner.migrating_to);
    return taken == picture_.replica_of.end() ? owner.migrating_to : taken->second;
  }

  const SlotOnNode* find(const NodeId& id) const {
    const auto found = std::ranges::find(slot_.nodes, id, &SlotOnNode::id);
    return found == slot_.nodes.end() || found->role == Role::kReplica ? nullptr : &*found;
  }
  bool hidden(const NodeId& id) const {
    const auto found = picture_.hidden.find(id);
    return found != picture_.hidden.end() && found->second > 0;
  }
  bool any_hidden() const {
    return std::ranges::any_of(picture_.hidden, [](const auto& entry) { return entry.second > 0; });
  }
  bool meant(const NodeId& source, const NodeId& target) const {
    return intent_ != nullptr && intent_->source == source && intent_->target == target;
  }

  RepairStep step(Kind kind, NodeId source, NodeId target, std::string reason) const {
    RepairStep step{kind, {}, std::move(source), std::move(target), false, std::move(reason)};
    step.slots.add(slot_.slot);
    return step;
  }
  Steps one(Kind kind, NodeId source, NodeId target, std::string reason) const {
    return {step(kind, std::move(source), std::move(target), std::move(reason))};
  }
  Steps report(NodeId where, std::string reason) const {
    return one(Kind::kReport, std::move(where), {}, std::move(reason));
  }
  RepairStep finish(const NodeId& source, const NodeId& target, std::string reason) const {
    auto finish = step(Kind::kFinish, source, target, std::move(reason));
    const auto life = picture_.run_ids.find(source);
    finish.proven =
        meant(source, target) && life != picture_.run_ids.end() && life->second == intent_->source_run_id;
    return finish;
  }

  const RepairPicture& picture_;
  const OddSlot& slot_;
  std::vector<const SlotOnNode*> owners_, holders_;
  const MoveIntent* intent_ = nullptr;
};

bool same(const RepairStep& a, const RepairStep& b) {
  return a.kind == b.kind && a.source == b.source && a.target == b.target && a.proven == b.proven &&
         a.reason == b.reason;
}

}  // namespace

Copies copies_that_go(const RepairStep& step) {
  if (step.kind == Kind::kClear) return Copies::kAll;
  return step.proven ? Copies::kOfKeysThere : Copies::kEqual;
}

std::vector<RepairStep> plan_repair(const RepairPicture& picture) {
  Steps plan;
  for (const auto& slot : picture.slots) {
    for (auto& step : OneSlot(picture, slot).steps()) {
      const auto like =
          std::ranges::find_if(plan, [&](const RepairStep& other) { return same(step, other); });
      if (like == plan.end()) {
        plan.push_back(std::move(step));
      } else {
        like->slots.add(step.slots);
      }
    }
  }
  return plan;
}

}  // namespace rebalance
