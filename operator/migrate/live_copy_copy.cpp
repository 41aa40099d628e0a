#include <fmt/format.h>

#include <algorithm>

#include "migrate/live_copy_engine.h"
#include "redis/key_slot.h"

namespace rebalance::live_copy {

// Sizes, the target's marks, tracking, and rounds of copies until little changes between two of them.

namespace {

constexpr const char* kInvalidations = "__redis__:invalidate";  // redis.io, client-side caching: RESP2
constexpr std::size_t kLittle = 32;  // keys that one more round would not make fewer
constexpr int kMostRounds = 5;
constexpr std::int64_t kMayHaveCome = 16;  // keys of a slot since they were counted; more are found later
constexpr int kReadsBetweenChanges = 16;

}  // namespace

Step LiveCopy::list() {
  std::map<Slot, std::int64_t> limits;
  for_each_slot(todo_, [&](Slot slot) {
    if (counts_[slot] > 0) limits[slot] = counts_[slot] + kMayHaveCome;
  });
  list_.start(limits);
  auto next = list_.next();
  return next ? ask(Stage::kList, std::move(*next)) : open();
}

Step LiveCopy::listed(const Replies& replies) {
  if (const auto taken = list_.take(replies); !taken) return troubled("sizing keys", taken.error().message);
  if (auto next = list_.next()) return ask(Stage::kList, std::move(*next));
  return kinds();
}

Step LiveCopy::kinds() {
  large_.clear();
  Ask next{Side::kSource, {}};
  for (auto& key : list_.found()) {
    if (key.bytes <= kLargestWhole) {
      learn(key, std::nullopt);
    } else {
      next.commands.push_back({"TYPE", key.name});
      large_.push_back(std::move(key));
    }
  }
  return large_.empty() ? open() : ask(Stage::kKinds, std::move(next));
}

Step LiveCopy::told_kinds(const Replies& replies) {
  if (const auto* wrong = first_error(replies)) return troubled("TYPE", wrong->text);
  for (std::size_t i = 0; i < large_.size(); ++i) {
    if (replies[i].text == "none") large_[i].bytes = 0;  // gone: what comes in its place is sized anew
    learn(large_[i], kind_of(replies[i].text));
  }
  return open();
}

void LiveCopy::learn(const SizedKey& key, std::optional<Kind> kind) {
  if (kind || !too_big(key.bytes)) return staged_.learn(key.slot, key.name, key.bytes, kind);
  if (!todo_.contains(key.slot)) return;
  todo_.remove(key.slot);
  unfit_.add(key.slot);
  if (open_.contains(key.slot)) leaving_.add(key.slot);
}

Step LiveCopy::open() {
  for_each_slot(unfit_, [&](Slot slot) { staged_.forget(slot); });
  if (todo_.empty()) return close();
  Ask next{Side::kTarget, setslot_each(todo_, "IMPORTING", job_.source.id)};
  next.commands.push_back(cluster_nodes());
  next.writes = true;
  open_.add(todo_);
  return ask(Stage::kOpen, std::move(next));
}

Step LiveCopy::opened(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("SETSLOT IMPORTING on " + job_.target.name, wrong->text);
  Ask next{Side::kSource, {{"CLIENT", "ID"}, {"SUBSCRIBE", kInvalidations}}};
  next.channel = Channel::kMessages;
  return ask(Stage::kSubscribe, std::move(next));
}

Step LiveCopy::subscribed(const Replies& replies) {
  if (const auto* wrong = first_error(replies)) return troubled("SUBSCRIBE", wrong->text);
  subscriber_ = std::to_string(replies[0].integer);
  source_ids_.insert(subscriber_);
  Ask next{Side::kSource,
           {{"CLIENT", "TRACKING", "OFF"}, {"CLIENT", "TRACKING", "ON", "REDIRECT", subscriber_}}};
  next.beside.push_back({Side::kSource, Channel::kWatch, {{"CLIENT", "ID"}}});
  return ask(Stage::kTrack, std::move(next));
}

Step LiveCopy::tracked(const Answer& answer) {
  for (const auto* reply : {&answer.replies[1], &answer.beside.front().front()}) {
    if (reply->is_error()) return troubled("CLIENT TRACKING", reply->text);
  }
  source_ids_.insert(std::to_string(answer.beside[0][0].integer));
  changes_.clear();
  tracked_for_ = {};
  for_each_slot(todo_, [&](Slot slot) { staged_.queue(slot); });
  return copy();
}

Step LiveCopy::copy() {
  auto next = staged_.next();
  return next ? ask_copies(Stage::kCopy, std::move(*next)) : changes();
}

// A subscriber that nobody reads would be disconnected in the end (client-output-buffer-limit pubsub), and
// what changes is not worth its further pieces.
Step LiveCopy::ask_copies(Stage stage, Ask next) {
  if (++reads_ % kReadsBetweenChanges == 0)
    next.beside.push_back({Side::kSource, Channel::kMessages, {{"PING"}}});
  return ask(stage, std::move(next));
}

Step LiveCopy::copied(const Answer& answer) {
  if (const auto trouble = staged_.take(answer)) return troubled("copying keys", trouble->text);
  return stage_ == Stage::kCopy ? copy() : copy_last();
}

Step LiveCopy::changes() {
  Ask next{Side::kSource, {{"PING"}}};
  next.channel = Channel::kMessages;
  next.hands_over = true;  // what changes while another group does so is told now, and copied once more
  return ask(Stage::kChanges, std::move(next));
}

Step LiveCopy::changed(const Answer& answer) {
  if (answer.replies[0].is_error()) return troubled("PING", answer.replies[0].text);
  if (staged_.stale() <= kLittle || ++rounds_ > kMostRounds) return next_portion();
  for_each_slot(todo_, [&](Slot slot) { staged_.queue(slot); });
  return copy();
}

// "message", the channel, and the names; nothing instead of them: every key (FLUSHALL).
void LiveCopy::take_messages(const std::vector<Reply>& messages) {
  for (const auto& message : messages) {
    const auto& names = message.items[2];
    if (!names.is_array()) staged_.all_changed();
    for (const auto& name : names.items) {
      const auto slot = key_slot(name.text);
      staged_.changed(slot, name.text);
      ++changes_[slot];
    }
  }
}

}  // namespace rebalance::live_copy
