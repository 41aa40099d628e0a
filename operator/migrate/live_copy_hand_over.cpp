#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "migrate/hand_over.h"
#include "migrate/live_copy_engine.h"
#include "redis/key_slot.h"

namespace rebalance::live_copy {

// One portion after the other: watch, copy what changed before, check, hand over. What is read after the
// WATCH is what the source holds when EXEC succeeds.

namespace {

using namespace std::chrono_literals;

constexpr int kKeysOfWatch = 32;  // of one command: below a millisecond in the longest slot
constexpr int kMostWatches = 8;   // until no key came between
constexpr int kTriesWithoutPause = 2, kTriesWithPause = 3;
constexpr Millis kReplicasWithin = 1s;
constexpr Millis kSourceReplicasWithin = 100ms;  // clients wait on ASK meanwhile

// Who is suspected to be down, in a node's own view.
std::optional<NodeId> suspected(const NodeView& view) {
  for (const auto& node : view.nodes) {
    if (node.pfail || node.fail) return node.id;
  }
  return std::nullopt;
}

// Types whose changes are not all told: streams (groups, and XSETID) and modules (rdb.h).
bool changes_silently(char type) {
  return type == 6 || type == 7 || type == 15 || type == 19 || type == 21 || type == 26 || type == 27;
}

}  // namespace

SlotSet LiveCopy::pick_portion() {
  SlotSet picked;
  std::int64_t keys = 0;
  bool full = false;
  const auto take = [&](Slot slot) {
    if (full) return;
    const auto more = std::max<std::int64_t>(1, std::ssize(staged_.keys(slot)));
    full = !picked.empty() && (keys + more > job_.portion_keys || alone_.contains(slot));
    if (full) return;
    picked.add(slot);
    keys += more;
    full = alone_.contains(slot);
  };
  SlotSet ready = todo_;
  ready.remove(late_);
  for_each_slot(ready.empty() ? todo_ : ready, take);
  return picked;
}

Step LiveCopy::next_portion() {
  if (stopping_ || todo_.empty()) return close();
  portion_ = {};
  portion_.slots = pick_portion();
  portion_.late = late_.overlaps(portion_.slots);
  return attempt();
}

Step LiveCopy::attempt() {
  const bool pause = portion_.refusals >= kTriesWithoutPause && may_pause_ && job_.write_pause > Millis(0);
  if (pause) {
    Ask next{Side::kSource, {{"CLIENT", "PAUSE", std::to_string(job_.write_pause.count()), "WRITE"}}};
    next.writes = true;
    return ask(Stage::kPause, std::move(next));
  }
  return watch({}, true);
}

// A user without the right to it goes on without.
Step LiveCopy::paused(const Replies& replies) {
  pausing_ = !replies[0].is_error();
  may_pause_ = pausing_;
  return watch({}, true);
}

Step LiveCopy::watch(const std::vector<std::string>& names, bool afresh) {
  Ask next{Side::kSource, {}};
  next.channel = Channel::kWatch;
  next.begins = portion_.slots;  // not with EXEC: what is written while the journal is would be refused there
  Command pending{"WATCH"};
  Slot slot_of_pending = 0;
  const auto flush = [&] {
    if (pending.size() == 1) return;
    next.commands.push_back(pending);
    // From 7.0 on what had expired before its WATCH may go without a refusal: this deletes it before the
    // list.
    pending.front() = "EXISTS";
    next.commands.push_back(std::exchange(pending, {"WATCH"}));
  };
  const auto add = [&](const std::string& name) {  // keys of two slots may not share a command
    if (key_slot(name) != slot_of_pending || std::ssize(pending) > kKeysOfWatch) flush();
    slot_of_pending = key_slot(name);
    portion_.watched.insert(name);
    pending.push_back(name);
  };
  if (afresh) {
    portion_.watched.clear();
    portion_.watches = 0;
    next.commands.push_back({"UNWATCH"});
    for_each_slot(portion_.slots, [&](Slot slot) {
      for (const auto& [name, key] : staged_.keys(slot)) add(name);
    });
  }
  for (const auto& name : names) add(name);
  flush();
  for_each_slot(portion_.slots,
                [&](Slot slot) { next.commands.push_back(list_keys(slot, 2 * kMostKeysOfLiveSlot)); });
  return ask(Stage::kWatch, std::move(next));
}

// Watched first and listed then: what is listed and watched is there until EXEC, or EXEC is refused.
Step LiveCopy::watched(const Replies& replies) {
  if (const auto* wrong = first_error(replies)) return troubled("WATCH", wrong->text);
  portion_.listed.clear();
  std::vector<std::string> fresh;
  auto next = replies.size() - static_cast<std::size_t>(portion_.slots.size());
  for_each_slot(portion_.slots, [&](Slot slot) {
    auto& names = portion_.listed[slot];
    for (const auto& key : replies[next].items) {
      names.push_back(key.text);
      if (!portion_.watched.contains(key.text)) fresh.push_back(key.text);
    }
    ++next;
  });
  for (const auto& [slot, names] : portion_.listed) {
    if (std::ssize(names) < 2 * kMostKeysOfLiveSlot) continue;
    skip(slot, "it has grown to too many keys while it was copied: it stays");
    return next_portion();
  }
  if (fresh.empty()) return refresh();
  if (++portion_.watches > kMostWatches) return refused();
  return watch(fresh, false);
}

// Both answers prove that the connection which reads and the one which is told of changes lived all the
// while. The target is asked beside them: where nothing changed, nothing is left to be copied.
Step LiveCopy::refresh() {
  Ask next{Side::kSource, {{"PING"}}};
  next.beside.push_back({Side::kSource, Channel::kMessages, {{"PING"}}});
  next.beside.push_back({Side::kTarget, Channel::kData, is_target_ready()});
  return ask(Stage::kRefresh, std::move(next));
}

Step LiveCopy::refreshed(const Answer& answer) {
  for (const auto* reply : {&answer.replies.front(), &answer.beside.front().front()}) {
    if (reply->is_error()) return troubled("PING", reply->text);
  }
  for (const auto& [slot, names] : portion_.listed) {
    const std::unordered_set<std::string> there(names.begin(), names.end());
    staged_.keep_only(slot, there);
    for (const auto& name : names) staged_.learn(slot, name, 0);
    staged_.queue(slot);
  }
  auto next = staged_.next();
  return next ? ask_copies(Stage::kCopyLast, std::move(*next)) : checked(answer.beside[1]);
}

Step LiveCopy::copy_last() {
  auto next = staged_.next();
  return next ? ask_copies(Stage::kCopyLast, std::move(*next)) : ready(Millis(0));
}

std::vector<Command> LiveCopy::is_target_ready() const {
  std::vector<Command> questions;
  for_each_slot(portion_.slots, [&](Slot slot) { questions.push_back(count_keys(slot)); });
  questions.push_back(cluster_nodes());
  if (job_.target_replicas > 0) {
    questions.push_back(
        {"WAIT", std::to_string(job_.target_replicas), std::to_string(kReplicasWithin.count())});
  }
  return questions;
}

Step LiveCopy::ready(Millis wait) {
  Ask next{Side::kTarget, is_target_ready()};
  next.wait = wait;
  return ask(Stage::kReady, std::move(next));
}

Step LiveCopy::checked(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("asking the target before the hand-over", wrong->text);
  TRY(nodes, nodes_view(replies[static_cast<std::size_t>(portion_.slots.size())]));
  TRY(view, own_view(nodes));
  bool marked = view.role == Role::kPrimary;
  for_each_slot(portion_.slots, [&](Slot slot) {
    const auto mark = view.importing.find(slot);
    marked = marked && mark != view.importing.end() && mark->second == job_.source.id;
  });
  if (!marked) return retry(job_.target.name + " no longer imports what was copied to it");
  std::string missing;
  if (const auto node = suspected(nodes)) missing = fmt::format("node {} is suspected to be down", *node);
  if (job_.target_replicas > 0 && replies.back().integer < job_.target_replicas) {
    missing = fmt::format("{} of {} replicas of {} have acknowledged the copies", replies.back().integer,
                          job_.target_replicas, job_.target.name);
  }
  if (missing.empty()) return counts_agree(replies) ? transact() : refused();
  if (++waits_ > job_.attempts) return give_up({ErrorCode::kUnavailable, missing});
  return ready(200ms);
}

// A copy too many or too few: one that expired here or there a moment earlier. All of them are read again.
bool LiveCopy::counts_agree(const Replies& replies) {
  waits_ = 0;
  bool agree = true;
  std::size_t next = 0;
  for_each_slot(portion_.slots, [&](Slot slot) {
    if (replies[next++].integer == std::ssize(portion_.listed[slot])) return;
    staged_.changed(slot);
    agree = false;
  });
  return agree;
}

Step LiveCopy::transact() {
  HandOver what{job_.target.id, {}, {}};
  for (const auto& [slot, names] : portion_.listed) {
    what.counts.emplace_back(slot, std::ssize(names));
    const auto& keys = staged_.keys(slot);
    bool sampled = false;
    for (const auto& name : names) {
      const auto& key = keys.at(name);
      if (!key.current || !key.there) return refused();  // it expired or came while it was read
      // A string beside them, which is never written in another way: WATCH and tracking are put to the proof.
      const bool sample = key.type == 0 && !std::exchange(sampled, true);
      if (sample || changes_silently(key.type)) what.checks.emplace_back(name, key.check);
    }
  }
  Ask next{Side::kSource, {}};
  if (pausing_) next.commands.push_back({"CLIENT", "UNPAUSE"});
  next.commands.insert(next.commands.end(), {{"MULTI"}, hand_over(what), {"EXEC"}});
  next.channel = Channel::kWatch;
  next.writes = next.ownership = true;
  return ask(Stage::kHandOver, std::move(next));
}

Step LiveCopy::transacted(const Replies& replies) {
  pausing_ = false;
  auto told = handed_over(replies.back());
  // "EXECABORT ... because of previous errors": those say more.
  const auto wrong = std::ranges::find_if(replies, [](const Reply& reply) { return reply.is_error(); });
  if (replies.back().is_error()) told.text = wrong->text;
  switch (told.outcome) {
    case HandedOver::Outcome::kRefused: return troubled("the hand-over", told.text);
    case HandedOver::Outcome::kOtherValue: staged_.changed(key_slot(told.text), told.text); return refused();
    case HandedOver::Outcome::kChanged: return refused();
    case HandedOver::Outcome::kDone: break;
  }
  for (const auto& [slot, names] : portion_.listed) {
    keys_ += std::ssize(names);
    for (const auto& name : names) bytes_ += staged_.keys(slot).at(name).bytes;
    staged_.forget(slot);
  }
  todo_.remove(portion_.slots);
  handed_.add(portion_.slots);
  if (job_.source_replicas == 0) return own_target();
  Ask next{Side::kSource,
           {{"WAIT", std::to_string(job_.source_replicas), std::to_string(kSourceReplicasWithin.count())}}};
  next.channel = Channel::kWatch;
  next.ownership = true;
  return ask(Stage::kReplicas, std::move(next));
}

// Clients wait for a pause's end: it is over before anything else.
Step LiveCopy::refused() {
  ++retries_;
  if (!std::exchange(pausing_, false)) return told_refused();
  return ask(Stage::kUnpause, Ask{Side::kSource, {{"CLIENT", "UNPAUSE"}}});
}

// Again, then with a pause, then slot by slot, then after all others, and at last not at all.
Step LiveCopy::told_refused() {
  if (++portion_.refusals < kTriesWithoutPause + kTriesWithPause) return attempt();
  if (portion_.slots.size() > 1) {
    alone_.add(portion_.slots);
  } else if (!portion_.late) {
    late_.add(portion_.slots);
  } else {
    return too_hot();
  }
  return next_portion();
}

Step LiveCopy::too_hot() {
  const auto slot = portion_.slots.ranges().front().first;
  const double seconds = std::max(0.001, std::chrono::duration<double>(tracked_for_).count());
  skip(slot, fmt::format(
                 "TooHot: about {:.0f} changes a second, and none of {} hand-overs met a moment without "
                 "one within a write pause of {} ms: it stays",
                 static_cast<double>(changes_[slot]) / seconds, portion_.refusals, job_.write_pause.count()));
  return next_portion();
}

}  // namespace rebalance::live_copy
