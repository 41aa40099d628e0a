#include <fmt/format.h>

#include <algorithm>

#include "migrate/key_by_key_engine.h"

namespace rebalance::key_by_key {

// Sizes first: a slot with a key that may not move is not opened.

Step KeyByKey::scan() {
  std::map<Slot, std::int64_t> limits;
  for (const auto& [slot, bytes] : job_.biggest) leave_closed(slot, bytes);
  for_each_slot(work_.closed, [&](Slot slot) {
    if (work_.counts[slot] > 0) limits[slot] = work_.counts[slot];
  });
  keys_.start(limits);
  auto next = keys_.next();
  return next ? ask(Stage::kScan, std::move(*next)) : open_target();
}

Step KeyByKey::scanned(const Replies& replies) {
  if (const auto taken = keys_.take(replies); !taken) return troubled("sizing keys", taken.error().message);
  if (auto next = keys_.next()) return ask(Stage::kScan, std::move(*next));
  for (const auto& key : keys_.found()) leave_closed(key.slot, key.bytes);
  return open_target();
}

void KeyByKey::leave_closed(Slot slot, Bytes biggest) {
  if (!too_big(slot, biggest) || !work_.closed.contains(slot)) return;
  work_.closed.remove(slot);
  if (!open_.contains(slot)) skip_too_big(slot, biggest);
}

// A node is taken for dead after its whole time-out without an answer.
bool KeyByKey::too_big(Slot slot, Bytes bytes) const {
  const auto limit = forward_.contains(slot) ? job_.node_timeout * 3 / 4 : job_.node_timeout / 2;
  return bytes > std::min(kLargestPayload, job_.key_room) || pace_.stall(bytes) >= limit;
}

void KeyByKey::skip_too_big(Slot slot, Bytes bytes) {
  skip(slot, too_big_reason(bytes));
  if (bytes > job_.key_room) skipped_.back().no_room = bytes;
}

std::string KeyByKey::too_big_reason(Bytes bytes) const {
  if (bytes > job_.key_room) {
    return fmt::format(
        "a key of {} has no room while it travels: its buffers on {} and {} (and replicas) must fit below "
        "their "
        "limits, which they do for a key of {}: the slot stays until a limit is raised",
        human_bytes(bytes), job_.source.name, job_.target.name, human_bytes(job_.key_room));
  }
  return fmt::format(
      "a key of {} would stall {} for about {:.1f} s, too near to cluster-node-timeout ({:.0f} s): the slot "
      "stays",
      human_bytes(bytes), job_.source.name, std::chrono::duration<double>(pace_.stall(bytes)).count(),
      std::chrono::duration<double>(job_.node_timeout).count());
}

void KeyByKey::skip(Slot slot, std::string reason) {
  todo_.remove(slot);
  open_.remove(slot);
  skipped_.push_back({slot, std::move(reason)});
}

// ---- opening ----

Step KeyByKey::open_target() {
  SlotSet opening = work_.closed;
  opening.add(work_.reopen);
  if (opening.empty()) return begin_drain();
  Ask next{Side::kTarget, setslot_each(opening, "IMPORTING", job_.source.id)};
  for_each_slot(work_.closed, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  next.commands.push_back(cluster_nodes());
  next.writes = true;
  open_.add(opening);
  return ask(Stage::kOpenTarget, std::move(next));
}

Step KeyByKey::opened_target(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("SETSLOT IMPORTING on " + job_.target.name, wrong->text);
  TRY(view, own_view(replies.back()));
  SlotSet opening = work_.closed, unmarked;
  opening.add(work_.reopen);
  for_each_slot(opening, [&](Slot slot) {
    const auto mark = view.importing.find(slot);
    if (mark == view.importing.end() || mark->second != job_.source.id) unmarked.add(slot);
  });
  if (!unmarked.empty())
    return retry(fmt::format("{} does not mark slots {} as importing", job_.target.name, unmarked.text()));
  auto reply = replies.begin() + opening.size();
  unused_ = {};
  for_each_slot(SlotSet(work_.closed), [&](Slot slot) {
    const auto keys = (reply++)->integer;
    (keys == 0 ? proven_ : unused_).add(slot);
    if (keys > 0) work_.closed.remove(slot);
  });
  drain_.trust(proven_);
  if (unused_.empty()) return open_source();
  return ask_for_each(Stage::kCloseUnused, Side::kTarget, unused_, "STABLE", {});
}

// The mark was ours and the source never sent anybody there: closing it hides nothing that was reachable.
Step KeyByKey::closed_unused(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("SETSLOT STABLE on " + job_.target.name, wrong->text);
  for_each_slot(SlotSet(unused_), [&](Slot slot) {
    skip(slot, fmt::format("{} already holds keys of it without owning it: run a Repair", job_.target.name));
  });
  unused_ = {};
  return open_source();
}

Step KeyByKey::open_source() {
  if (work_.closed.empty()) return begin_drain();
  Ask next{Side::kSource, {}};
  for_each_slot(work_.closed,
                [&](Slot slot) { next.commands.push_back(setslot(slot, "MIGRATING", job_.target.id)); });
  next.commands.push_back(cluster_nodes());
  next.writes = true;
  return ask(Stage::kOpenSource, std::move(next));
}

Step KeyByKey::opened_source(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("SETSLOT MIGRATING on " + job_.source.name, wrong->text);
  TRY(view, own_view(replies.back()));
  SlotSet unmarked;
  for_each_slot(work_.closed, [&](Slot slot) {
    const auto mark = view.migrating.find(slot);
    if (mark == view.migrating.end() || mark->second != job_.target.id) unmarked.add(slot);
  });
  if (!unmarked.empty())
    return retry(fmt::format("{} does not mark slots {} as migrating", job_.source.name, unmarked.text()));
  return begin_drain();
}

}  // namespace rebalance::key_by_key
