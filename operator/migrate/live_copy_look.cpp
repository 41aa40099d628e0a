#include <fmt/format.h>

#include <utility>

#include "migrate/live_copy_engine.h"

namespace rebalance::live_copy {

// Where a group starts, and starts again after anything unclear.

namespace {

std::vector<Command> ends_of(const std::set<std::string>& ids, const std::string& own) {
  std::vector<Command> commands;
  for (const auto& id : ids) {
    if (id != own) commands.push_back({"CLIENT", "KILL", "ID", id});
  }
  return commands;
}

}  // namespace

std::optional<Ask> LiveCopy::ids(Millis wait) {
  staged_.forget();
  portion_ = {};
  pausing_ = false;
  rounds_ = 0;
  stage_ = Stage::kIds;
  pending_ = Ask{Side::kSource, {{"CLIENT", "ID"}}};
  pending_.beside.push_back({Side::kTarget, Channel::kData, {{"CLIENT", "ID"}}});
  pending_.wait = wait;
  return pending_;
}

// A transaction that was sent over a connection that is gone for us may still be waiting at the source, and
// writes at the target: both must have run, or be gone for good, before the servers are looked at.
Step LiveCopy::got_ids(const Answer& answer) {
  for (const auto* reply : {&answer.replies.front(), &answer.beside.front().front()}) {
    if (reply->is_error()) return troubled("CLIENT ID", reply->text);
  }
  const auto source = std::to_string(answer.replies[0].integer);
  const auto target = std::to_string(answer.beside[0][0].integer);
  Ask fence{Side::kSource, ends_of(source_ids_, source)};
  fence.writes = true;  // one whose claim is lost ends no connection any more
  fence.beside.push_back({Side::kTarget, Channel::kData, ends_of(target_ids_, target)});
  source_ids_.insert(source);  // those of before stay: this fence may be lost as well
  target_ids_.insert(target);
  if (fence.commands.empty() && fence.beside[0].commands.empty()) return look();
  return ask(Stage::kFence, std::move(fence));
}

Step LiveCopy::fenced(const Answer& answer) {
  for (const auto* side : {&answer.replies, &answer.beside.front()}) {
    if (const auto* wrong = first_error(*side)) return troubled("CLIENT KILL", wrong->text);
  }
  return look();
}

SlotSet LiveCopy::unsettled() const {
  SlotSet slots = todo_;
  slots.add(handed_);
  slots.add(leaving_);
  return slots;
}

Step LiveCopy::look() {
  std::vector<Command> commands{cluster_nodes()};
  for_each_slot(unsettled(), [&](Slot slot) { commands.push_back(count_keys(slot)); });
  Ask next{Side::kSource, commands};
  next.beside.push_back({Side::kTarget, Channel::kData, std::move(commands)});
  return ask(Stage::kLook, std::move(next));
}

Step LiveCopy::looked(const Answer& answer) {
  const auto &source = answer.replies, &target = answer.beside[0];
  for (const auto* side : {&source, &target}) {
    if (const auto* wrong = first_error(*side)) return troubled("looking at both nodes", wrong->text);
  }
  TRY(source_view, own_view(source[0]));
  TRY(target_view, own_view(target[0]));
  source_ = std::move(source_view);
  target_ = std::move(target_view);
  if (target_.role != Role::kPrimary) {
    return error(ErrorCode::kConflict,
                 fmt::format("{} is no primary any more: it failed over", job_.target.name));
  }
  staged_slots_ = {};
  std::size_t next = 1;
  Status sorted;
  for_each_slot(unsettled(), [&](Slot slot) {
    if (sorted) sorted = sort_slot(slot, source[next].integer, target[next].integer);
    ++next;
  });
  if (!sorted) return std::unexpected(sorted.error());
  looked_ = true;
  return go_on();
}

Status LiveCopy::sort_slot(Slot slot, std::int64_t source_keys, std::int64_t target_keys) {
  if (target_.slots.contains(slot)) return sort_owned(slot, source_keys);
  if (!source_.slots.contains(slot)) return sort_lost(slot);
  const bool migrating = source_.migrating.contains(slot), importing = target_.importing.contains(slot);
  const bool foreign = (migrating && source_.migrating[slot] != job_.target.id) ||
                       (importing && target_.importing[slot] != job_.source.id);
  const bool ours = open_.contains(slot) || (job_.adopted && migrating);
  if (foreign || ((migrating || importing) && !ours)) {
    return error(ErrorCode::kConflict, fmt::format("slot {} is open on {} or {} and not by this run: "
                                                   "somebody else moves it, or left it; run a Repair",
                                                   slot, job_.source.name, job_.target.name));
  }
  counts_[slot] = source_keys;
  unsure_.remove(slot);  // its mark tells
  if (migrating) {
    if (source_keys > 0) {
      return error(ErrorCode::kConflict, fmt::format("slot {} migrates, and {} still holds {} keys of it",
                                                     slot, job_.source.name, source_keys));
    }
    open_.add(slot);
    todo_.remove(slot);
    leaving_.remove(slot);
    handed_.add(slot);
  } else if (target_keys > 0 && ours) {
    staged_slots_.add(slot);
  } else if (target_keys > 0) {
    skip(slot, fmt::format("{} already holds keys of it without owning it: run a Repair", job_.target.name));
  } else if (source_keys > kMostKeysOfLiveSlot && !ours) {
    todo_.remove(slot);
    unfit_.add(slot);
  }
  return {};
}

// The target owns it: done, or the source has not heard.
Status LiveCopy::sort_owned(Slot slot, std::int64_t source_keys) {
  const bool source_owns = source_.slots.contains(slot);
  if (source_owns && source_keys > 0) {
    return error(
        ErrorCode::kConflict,
        fmt::format("slot {} belongs to both {} and {}, and the latter still holds {} keys of it: run "
                    "a Repair",
                    slot, job_.target.name, job_.source.name, source_keys));
  }
  todo_.remove(slot);
  leaving_.remove(slot);
  if (source_owns || source_.migrating.contains(slot)) {
    handed_.add(slot);
    return {};
  }
  handed_.remove(slot);
  open_.remove(slot);
  done_.add(slot);
  return {};
}

// Somebody else owns it: mostly who took the source's place. What we know to be copies, since no hand-over
// can have given it, goes; of anything else only the journal's reader may judge.
Status LiveCopy::sort_lost(Slot slot) {
  Error lost{ErrorCode::kConflict, fmt::format("slot {} belongs neither to {} nor to {}", slot,
                                               job_.source.name, job_.target.name)};
  if (!open_.contains(slot)) return std::unexpected(std::move(lost));
  const auto mark = target_.importing.find(slot);
  const bool copies = mark != target_.importing.end() && mark->second == job_.source.id &&
                      !unsure_.contains(slot) && !handed_.contains(slot);
  (copies ? leaving_ : lost_).add(slot);
  todo_.remove(slot);
  handed_.remove(slot);
  if (!giving_up_) giving_up_ = std::move(lost);
  return {};
}

Step LiveCopy::go_on() {
  if (!handed_.empty()) return own_target();
  if (stopping_ || giving_up_ || todo_.empty()) return close();
  if (!staged_slots_.empty()) return clear(Stage::kClear, staged_slots_);
  return list();
}

Step LiveCopy::clear(Stage stage, const SlotSet& slots) {
  clearing_.start(slots, stage == Stage::kLeave);
  return ask(stage, clearing_.next());
}

Step LiveCopy::cleared(const Replies& replies) {
  if (const auto refused = clearing_.take(replies))
    return troubled("removing copies from " + job_.target.name, *refused);
  if (!clearing_.done()) return ask(stage_, clearing_.next());
  if (stage_ == Stage::kClear) {
    staged_slots_ = {};
    return list();
  }
  open_.remove(leaving_);
  leaving_ = {};
  return close();
}

}  // namespace rebalance::live_copy
