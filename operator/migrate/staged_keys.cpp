#include "migrate/staged_keys.h"

#include <algorithm>
#include <utility>

#include "migrate/classify.h"
#include "migrate/expiry.h"

namespace rebalance {
namespace {

// A DUMP ends with two bytes of version and eight of CRC-64.
constexpr std::size_t kCheckBytes = 8;

// TIME at both ends.
void time_it(std::vector<Command>& commands) {
  if (commands.empty()) return;
  commands.insert(commands.begin(), {"TIME"});
  commands.push_back({"TIME"});
}

std::chrono::microseconds time_between(const std::vector<Reply>& replies) {
  if (replies.size() < 2) return {};
  return std::chrono::microseconds(unix_micros(replies.back()) - unix_micros(replies.front()));
}

}  // namespace

void StagedKeys::forget() {
  slots_.clear();
  queue_.clear();
  reading_.clear();
  read_.clear();
  writing_ = false;
}

void StagedKeys::learn(Slot slot, const std::string& name, Bytes bytes) {
  const auto [entry, fresh] = slots_[slot].try_emplace(name);
  if (fresh) entry->second.bytes = bytes;
}

void StagedKeys::changed(Slot slot, const std::string& name) {
  if (auto* key = find({slot, name})) key->current = false;
}

void StagedKeys::changed(Slot slot) {
  for (auto& [name, key] : slots_[slot]) key.current = false;
}

void StagedKeys::all_changed() {
  for (auto& [slot, keys] : slots_) changed(slot);
}

void StagedKeys::keep_only(Slot slot, const std::unordered_set<std::string>& names) {
  auto& keys = slots_[slot];
  for (auto& [name, key] : keys) {
    if (!names.contains(name)) key.current = false;  // its read finds nothing, and deletes the copy
  }
  std::erase_if(keys, [&](const auto& entry) { return !entry.second.there && !names.contains(entry.first); });
}

void StagedKeys::queue(Slot slot) {
  for (auto& [name, key] : slots_[slot]) {
    if (key.current || std::exchange(key.queued, true)) continue;
    queue_.push_back({slot, name});
  }
}

std::size_t StagedKeys::stale() const {
  std::size_t stale = 0;
  for (const auto& [slot, keys] : slots_)
    stale += static_cast<std::size_t>(
        std::ranges::count_if(keys, [](const auto& entry) { return !entry.second.current; }));
  return stale;
}

const StagedKeys::Keys& StagedKeys::keys(Slot slot) const {
  static const Keys kNone;
  const auto found = slots_.find(slot);
  return found == slots_.end() ? kNone : found->second;
}

StagedKey* StagedKeys::find(const Name& name) {
  const auto slot = slots_.find(name.slot);
  if (slot == slots_.end()) return nullptr;
  const auto key = slot->second.find(name.name);
  return key == slot->second.end() ? nullptr : &key->second;
}

std::optional<Ask> StagedKeys::next() {
  Ask ask{Side::kSource, {}};
  reading_.clear();
  reading_bytes_ = 0;
  auto writes = write_next();
  read_next(ask);
  time_it(writes);
  time_it(ask.commands);
  writing_ = !writes.empty();
  if (ask.commands.empty()) {
    if (!writing_) return std::nullopt;
    ask = Ask{Side::kTarget, std::move(writes)};
  } else if (writing_) {
    ask.beside.push_back({Side::kTarget, Channel::kData, std::move(writes)});
  }
  ask.writes = writing_;
  return ask;
}

// As much as both servers do in about a millisecond; at least one key.
void StagedKeys::read_next(Ask& ask) {
  auto keys = pace_.copy_keys();
  for (; !queue_.empty() && keys > 0; queue_.pop_front()) {
    auto* key = find(queue_.front());
    if (key == nullptr) continue;  // its slot was given up
    if (!reading_.empty() && reading_bytes_ + key->bytes > pace_.copy_bytes()) break;
    key->current = true;
    key->queued = false;
    const auto& name = queue_.front().name;
    ask.commands.push_back({tells_expiry_ ? "PEXPIRETIME" : "PTTL", name});
    if (!tells_expiry_) ask.commands.push_back({"TIME"});
    ask.commands.push_back({"DUMP", name});
    reading_bytes_ += key->bytes;
    reading_.push_back(std::move(queue_.front()));
    --keys;
  }
}

std::vector<Command> StagedKeys::write_next() {
  std::vector<Command> writes;
  for (auto& copy : std::exchange(read_, {})) {
    auto* key = find(copy.key);
    if (key == nullptr) continue;
    if (!copy.dump.empty()) {
      writes.push_back({"RESTORE-ASKING", copy.key.name, std::to_string(copy.expires_at),
                        std::move(copy.dump), "REPLACE", "ABSTTL"});
      key->there = true;
    } else if (std::exchange(key->there, false)) {
      writes.push_back({"ASKING"});
      writes.push_back({"UNLINK", copy.key.name});
    }
  }
  return writes;
}

std::optional<Trouble> StagedKeys::take(const Answer& answer) {
  if (reading_.empty()) return take_writes(answer.replies);
  if (auto trouble = take_reads(answer.replies)) return trouble;
  if (writing_) {
    if (auto trouble = take_writes(answer.beside.front())) return trouble;
  }
  const auto served = writing_ ? time_between(answer.beside.front()) : std::chrono::microseconds(0);
  pace_.observe_copies(std::ssize(reading_), reading_bytes_, std::max(served, time_between(answer.replies)));
  return std::nullopt;
}

std::optional<Trouble> StagedKeys::take_reads(const std::vector<Reply>& replies) {
  std::size_t next = 1;  // after TIME
  for (auto& name : reading_) {
    const auto& expiry = replies[next++];
    const std::int64_t since = tells_expiry_ ? 0 : unix_millis(replies[next++]);
    const auto& dump = replies[next++];
    for (const auto* reply : {&expiry, &dump}) {
      if (reply->is_error()) return Trouble{classify(reply->text), reply->text};
    }
    auto* key = find(name);
    if (key == nullptr) continue;
    // -2: it went between the two reads or before; -1: it never expires.
    Copy copy{name, {}, expiry.integer > 0 ? since + expiry.integer : 0};
    if (dump.is_text() && dump.text.size() > kCheckBytes && expiry.integer != -2) {
      copy.dump = dump.text;
      key->type = dump.text.front();
      key->check = dump.text.substr(dump.text.size() - kCheckBytes);
      key->bytes = std::max<Bytes>(key->bytes, std::ssize(dump.text));
    } else if (dump.is_text()) {
      key->current = false;  // it was not there, and then it was
    }
    copied_ += key->bytes;
    read_.push_back(std::move(copy));
  }
  return std::nullopt;
}

std::optional<Trouble> StagedKeys::take_writes(const std::vector<Reply>& replies) const {
  if (const auto* wrong = first_error(replies)) return Trouble{classify(wrong->text), wrong->text};
  return std::nullopt;
}

}  // namespace rebalance
