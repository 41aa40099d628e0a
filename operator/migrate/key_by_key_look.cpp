#include <fmt/format.h>

#include "migrate/expiry.h"
#include "migrate/key_by_key_engine.h"

namespace rebalance::key_by_key {

// Where a group starts, and starts again after anything unclear.

std::optional<Ask> KeyByKey::look(Millis wait) {
  drain_.forget();
  work_ = {};
  stage_ = Stage::kLookTarget;
  pending_ = Ask{Side::kTarget, {cluster_nodes()}};
  pending_.wait = wait;
  return pending_;
}

Step KeyByKey::looked_at_target(const Replies& replies) {
  auto view = own_view(replies[0]);
  if (!view) return troubled("looking at the target", replies[0].text);
  target_ = std::move(*view);
  Ask next{Side::kSource, {cluster_nodes(), {"INFO", "keyspace"}}};
  for_each_slot(todo_, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  return ask(Stage::kLookSource, std::move(next));
}

Step KeyByKey::looked_at_source(const Replies& replies) {
  if (const auto* wrong = first_error(replies)) return troubled("looking at the source", wrong->text);
  TRY(view, own_view(replies[0]));
  source_ = std::move(view);
  for (int database = 1; database < 16; ++database) {
    if (info_field(replies[1], "db" + std::to_string(database)).empty()) continue;
    return error(
        ErrorCode::kRefused,
        fmt::format("{} holds keys in database {}: key by key moves database 0 only; use the atomic engine",
                    job_.source.name, database));
  }
  keys_.expect_expiries(some_expire(replies[1]));
  std::size_t next = 2;
  for_each_slot(todo_, [&](Slot slot) { work_.counts[slot] = replies[next++].integer; });
  TRY_OK(check_roles());
  Status sorted;
  for_each_slot(SlotSet(todo_), [&](Slot slot) {
    if (sorted) sorted = sort_slot(slot);
  });
  if (!sorted) return std::unexpected(sorted.error());
  looked_ = true;
  if (stopping_) work_.closed = {};
  return work_.closed.empty() ? open_target() : scan();
}

Status KeyByKey::check_roles() const {
  if (target_.role != Role::kPrimary) {
    return error(ErrorCode::kConflict,
                 fmt::format("{} is no primary any more: it failed over", job_.target.name));
  }
  return {};  // a source that gave its last slot away may have become a replica: sort_slot() sees that it
              // owns nothing
}

Status KeyByKey::sort_slot(Slot slot) {
  if (target_.slots.contains(slot)) return sort_owned(slot);
  if (!source_.slots.contains(slot)) {
    return error(ErrorCode::kConflict, fmt::format("slot {} belongs neither to {} nor to {}", slot,
                                                   job_.source.name, job_.target.name));
  }
  const bool migrating = source_.migrating.contains(slot), importing = target_.importing.contains(slot);
  const bool foreign = (migrating && source_.migrating[slot] != job_.target.id) ||
                       (importing && target_.importing[slot] != job_.source.id);
  const bool ours = open_.contains(slot) || job_.adopted.contains(slot);
  if (foreign || ((migrating || importing) && !ours)) {
    return error(ErrorCode::kConflict, fmt::format("slot {} is open on {} or {} and not by this run: "
                                                   "somebody else moves it, or left it; run a Repair",
                                                   slot, job_.source.name, job_.target.name));
  }
  if (migrating || importing) open_.add(slot);
  (migrating ? (importing ? work_.drain : work_.reopen) : work_.closed).add(slot);
  if (!migrating && !importing) open_.remove(slot);
  return {};
}

// The target owns it: done, or the source has not heard.
Status KeyByKey::sort_owned(Slot slot) {
  const bool source_owns = source_.slots.contains(slot);
  if (source_owns && work_.counts[slot] > 0) {
    return error(
        ErrorCode::kConflict,
        fmt::format(
            "slot {} belongs to both {} and {}, and the latter still holds {} keys of it: run a Repair", slot,
            job_.target.name, job_.source.name, work_.counts[slot]));
  }
  if (source_owns || source_.migrating.contains(slot)) {
    work_.tell.add(slot);
    return {};
  }
  done_.add(slot);
  todo_.remove(slot);
  open_.remove(slot);
  return {};
}

}  // namespace rebalance::key_by_key
