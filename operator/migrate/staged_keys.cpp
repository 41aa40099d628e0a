#include "migrate/staged_keys.h"

#include <algorithm>
#include <utility>

#include "migrate/classify.h"
#include "migrate/expiry.h"

namespace rebalance {
namespace {

// A DUMP ends with two bytes of version and eight of CRC-64.
constexpr std::size_t kCheckBytes = 8;
constexpr std::size_t kSizesAtOnce = 256;
// Elements of the first piece of a key that is more than one piece may be: they may be large.
constexpr int kFewElements = 64;
// Of a large key, one stands for as many small ones.
constexpr Bytes kOneRead = 64 * kKiB;

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
  pieces_.reset();
  held_.reset();
  writing_ = false;
}

void StagedKeys::learn(Slot slot, const std::string& name, Bytes bytes, std::optional<Kind> kind) {
  const auto [entry, fresh] = slots_[slot].try_emplace(name);
  if (!fresh) return;
  entry->second.bytes = bytes;
  entry->second.sized = bytes > 0;
  entry->second.kind = kind;
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
  for (const auto& [slot, keys] : slots_) {
    for (const auto& [name, key] : keys) {
      if (!key.current) stale += 1 + (key.in_pieces() ? static_cast<std::size_t>(key.bytes / kOneRead) : 0);
    }
  }
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

void StagedKeys::read_next(Ask& ask) {
  reading_.clear();
  reading_bytes_ = 0;
  asked_ = Reading::kNothing;
  skip_forgotten();
  if (!pieces_ && queue_.empty()) return;
  if (pieces_ || find(queue_.front())->in_pieces()) return ask_piece(ask);
  if (!find(queue_.front())->sized) return ask_sizes(ask);
  ask_keys(ask);
}

// Of slots that were given up.
void StagedKeys::skip_forgotten() {
  while (!queue_.empty() && find(queue_.front()) == nullptr) queue_.pop_front();
}

// Of keys that came since they were listed, or have grown; they stay in the queue.
void StagedKeys::ask_sizes(Ask& ask) {
  asked_ = Reading::kSizes;
  for (const auto& name : queue_) {
    const auto* key = find(name);
    if (key == nullptr) continue;
    if (key->sized || reading_.size() == kSizesAtOnce) break;
    ask.commands.push_back({"MEMORY", "USAGE", name.name});
    ask.commands.push_back({"TYPE", name.name});
    reading_.push_back(name);
  }
}

// As much as both servers do in about a millisecond; at least one key.
void StagedKeys::ask_keys(Ask& ask) {
  asked_ = Reading::kKeys;
  for (auto keys = pace_.copy_keys(); keys > 0; --keys, skip_forgotten()) {
    if (queue_.empty()) return;
    auto* key = find(queue_.front());
    if (!key->sized || key->in_pieces()) return;
    if (!reading_.empty() && reading_bytes_ + key->bytes > pace_.copy_bytes()) return;
    key->current = true;
    key->queued = false;
    const auto& name = queue_.front().name;
    ask_instant(name, tells_expiry_, ask.commands);
    ask.commands.push_back({"DUMP", name});
    reading_bytes_ += key->bytes;
    reading_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
}

void StagedKeys::ask_piece(Ask& ask) {
  if (!pieces_) {
    in_pieces_ = std::move(queue_.front());
    queue_.pop_front();
    auto& key = *find(in_pieces_);
    key.current = true;
    key.queued = false;
    key.type = StagedKey::kInPieces;
    const int first = key.bytes <= pace_.piece_bytes() ? pace_.piece_elements() : kFewElements;
    pieces_.emplace(in_pieces_.name, *key.kind, tells_expiry_, key.there, first);
  }
  asked_ = Reading::kPiece;
  pieces_->ask(pace_, ask.commands);
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
  if (!pieces_) return writes;
  auto* key = find(in_pieces_);
  if (key != nullptr && key->current) {
    key->there = pieces_->found();
    std::ranges::move(pieces_->write(), std::back_inserter(writes));
    if (pieces_->read() && pieces_->found()) {
      held_ = pieces_->held();
      written_ = in_pieces_;
    }
  }
  // What changed meanwhile is not read to its end.
  if (key == nullptr || !key->current || pieces_->read()) pieces_.reset();
  return writes;
}

std::optional<Trouble> StagedKeys::take(const Answer& answer) {
  if (asked_ == Reading::kNothing) return take_writes(answer.replies);
  if (auto trouble = take_reads(answer.replies)) return trouble;
  if (writing_) {
    if (auto trouble = take_writes(answer.beside.front())) return trouble;
  }
  const auto written = writing_ ? time_between(answer.beside.front()) : std::chrono::microseconds(0);
  const auto served = std::max(written, time_between(answer.replies));
  if (asked_ == Reading::kKeys) pace_.observe_copies(std::ssize(reading_), reading_bytes_, served);
  if (asked_ == Reading::kPiece && pieces_)
    pace_.observe_piece(pieces_->piece_elements(), pieces_->piece_bytes(), served);
  return std::nullopt;
}

std::optional<Trouble> StagedKeys::take_reads(const std::vector<Reply>& replies) {
  switch (asked_) {
    case Reading::kSizes: return take_sizes(replies);
    case Reading::kKeys: return take_keys(replies);
    case Reading::kPiece: return take_piece(replies);
    case Reading::kNothing: break;
  }
  return std::nullopt;
}

std::optional<Trouble> StagedKeys::take_sizes(const std::vector<Reply>& replies) {
  std::size_t next = 1;  // after TIME
  for (const auto& name : reading_) {
    const auto &bytes = replies[next++], &type = replies[next++];
    for (const auto* reply : {&bytes, &type}) {
      if (reply->is_error()) return Trouble{classify(reply->text), reply->text};
    }
    auto* key = find(name);
    if (key == nullptr) continue;
    key->sized = true;  // also one that is gone: its read finds nothing
    key->bytes = bytes.integer;
    key->kind = kind_of(type.text);
  }
  return std::nullopt;
}

std::optional<Trouble> StagedKeys::take_keys(const std::vector<Reply>& replies) {
  std::size_t next = 1;
  for (auto& name : reading_) {
    const auto instant = instant_of(replies, tells_expiry_, next);
    const auto& dump = replies[next++];
    if (!instant) return Trouble{classify(instant.error().message), instant.error().message};
    if (dump.is_error()) return Trouble{classify(dump.text), dump.text};
    auto* key = find(name);
    if (key == nullptr) continue;
    Copy copy{name, {}, std::max<std::int64_t>(*instant, 0)};
    if (dump.is_text() && dump.text.size() > kCheckBytes && *instant != kNoSuchKey) {
      copy.dump = dump.text;
      key->type = dump.text.front();
      key->check = dump.text.substr(dump.text.size() - kCheckBytes);
      key->sized = std::ssize(dump.text) <= std::max(key->bytes, kLargestWhole);
      key->bytes = std::max<Bytes>(key->bytes, std::ssize(dump.text));
    } else if (dump.is_text()) {
      key->current = false;  // it was not there, and then it was
    }
    copied_ += key->bytes;
    read_.push_back(std::move(copy));
  }
  return std::nullopt;
}

// Another type than when it was looked at: it has changed, and is looked at again.
std::optional<Trouble> StagedKeys::take_piece(const std::vector<Reply>& replies) {
  auto* key = find(in_pieces_);
  const auto taken = pieces_->take(replies, 1);
  if (taken) {
    copied_ += pieces_->piece_bytes();
    return std::nullopt;
  }
  const auto& words = taken.error().message;
  if (!words.starts_with("WRONGTYPE")) return Trouble{classify(words), words};
  if (key != nullptr) key->current = key->sized = false;
  pieces_.reset();
  return std::nullopt;
}

std::optional<Trouble> StagedKeys::take_writes(const std::vector<Reply>& replies) {
  if (const auto* wrong = first_error(replies)) return Trouble{classify(wrong->text), wrong->text};
  const auto held = std::exchange(held_, std::nullopt);
  const bool whole = !held || replies[replies.size() - 2].integer == *held;  // before TIME
  if (auto* key = find(written_); !whole && key != nullptr) key->current = false;
  return std::nullopt;
}

}  // namespace rebalance
