#include "migrate/drain.h"

#include <fmt/format.h>

#include <iterator>

#include "migrate/dump_value.h"
#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

// DUMPs of larger chunks are not held in memory twice to be compared.
constexpr Bytes kComparable = 16 * kMiB;

Trouble worse(const std::optional<Trouble>& known, const Trouble& fresh) {
  const auto passes = [](Failure meaning) {
    return meaning == Failure::kTransient || meaning == Failure::kUnknown || meaning == Failure::kMoved;
  };
  return known && (!passes(known->meaning) || passes(fresh.meaning)) ? *known : fresh;
}

bool is_gone(const Reply& dump) { return dump.is_nil() || dump.is_error("ASK") || dump.is_error("TRYAGAIN"); }

}  // namespace

void Drain::add(std::vector<SizedKey> keys) {
  queue_.insert(queue_.end(), std::make_move_iterator(keys.begin()), std::make_move_iterator(keys.end()));
}

void Drain::forget() {
  queue_.clear();
  again_.clear();
  in_flight_.clear();
  conflicts_.clear();
  spare_.clear();
  expiries_.forget();
  waiting_ = Waiting::kNothing;
}

std::int64_t Drain::moved(Slot slot) const {
  const auto found = moved_.find(slot);
  return found == moved_.end() ? 0 : found->second;
}

std::optional<Ask> Drain::next() {
  if (auto ask = expiries_.next()) {
    waiting_ = Waiting::kExpiries;
    return ask;
  }
  if (!spare_.empty()) return ask_deletes();
  if (conflicts_.empty()) return ask_migrate();
  return ask_dumps(source_dumps_.empty() ? Side::kSource : Side::kTarget);
}

// The next keys of one slot that fit into `room`; at least one key.
Drain::Chunk Drain::next_chunk(Bytes room, std::size_t keys) {
  Chunk chunk{queue_.front().slot, {}, {}, 0, false};
  while (!queue_.empty() && queue_.front().slot == chunk.slot && chunk.keys.size() < keys) {
    if (!chunk.keys.empty() && chunk.bytes + queue_.front().bytes > room) break;
    chunk.bytes += queue_.front().bytes;
    if (queue_.front().expires) chunk.expiring.push_back(queue_.front().name);
    chunk.keys.push_back(std::move(queue_.front().name));
    queue_.pop_front();
  }
  return chunk;
}

std::optional<Ask> Drain::ask_migrate() {
  if (again_.empty() && queue_.empty()) return std::nullopt;
  Bytes room = pace_.chunk_bytes();
  auto keys = static_cast<std::size_t>(pace_.chunk_keys());
  in_flight_.clear();
  Bytes largest = 0;
  const auto fly = [&](Chunk chunk) {
    room -= chunk.bytes;
    keys -= std::min(keys, chunk.keys.size());
    largest = std::max(largest, chunk.bytes);
    in_flight_.push_back(std::move(chunk));
  };
  if (!again_.empty()) {
    fly(std::move(again_.front()));
    again_.pop_front();
  } else {
    do fly(next_chunk(room, keys));
    while (!queue_.empty() && keys > 0 && queue_.front().bytes <= room);
  }
  Ask ask{Side::kSource, {}};
  for (const auto& chunk : in_flight_) {
    expiries_.ask(chunk.expiring, ask.commands);
    ask.commands.push_back(migrate(chunk));
  }
  // The server's time-out counts for each socket operation anew; ours must outlast them all.
  ask.timeout = pace_.migrate_timeout(largest) * 3;
  ask.writes = true;
  waiting_ = Waiting::kMigrate;
  return ask;
}

Command Drain::migrate(const Chunk& chunk) const {
  const auto& to = job_.address;
  Command command{"MIGRATE", to.host, std::to_string(to.port),
                  "",        "0",     std::to_string(pace_.migrate_timeout(chunk.bytes).count())};
  if (chunk.replace) command.emplace_back("REPLACE");
  if (!to.user.empty()) {
    command.insert(command.end(), {"AUTH2", to.user, to.password});
  } else if (!to.password.empty()) {
    command.insert(command.end(), {"AUTH", to.password});
  }
  command.emplace_back("KEYS");
  command.insert(command.end(), chunk.keys.begin(), chunk.keys.end());
  return command;
}

Ask Drain::ask_dumps(Side side) {
  Ask ask{side, {}};
  for (const auto& key : conflicts_.front().keys) {
    if (side == Side::kTarget || asking_) ask.commands.push_back({"ASKING"});
    ask.commands.push_back({"DUMP", key});
  }
  waiting_ = side == Side::kSource ? Waiting::kSourceDumps : Waiting::kTargetDumps;
  return ask;
}

// One command a key: some may be gone by now, and a slot that is importing serves several keys at once only
// if all are there.
Ask Drain::ask_deletes() {
  Ask ask{Side::kSource, {}};
  for (const auto& key : spare_.front().keys) {
    ask.commands.push_back({"ASKING"});
    ask.commands.push_back({"DEL", key});
  }
  ask.writes = true;
  waiting_ = Waiting::kDeletes;
  return ask;
}

std::optional<Trouble> Drain::take(const Answer& answer) {
  switch (waiting_) {
    case Waiting::kMigrate: return take_migrate(answer);
    case Waiting::kDeletes: return take_deletes(answer);
    case Waiting::kExpiries: expiries_.take(answer.replies); return std::nullopt;
    default: return take_dumps(answer);
  }
}

std::optional<Trouble> Drain::take_deletes(const Answer& answer) {
  if (const auto* wrong = first_error(answer.replies)) return Trouble{classify(wrong->text), wrong->text};
  count(spare_.front());
  spare_.pop_front();
  return std::nullopt;
}

std::optional<Trouble> Drain::take_migrate(const Answer& answer) {
  std::optional<Trouble> trouble;
  std::int64_t keys = 0;
  Bytes bytes = 0;
  std::size_t next = 0;
  for (auto& chunk : in_flight_) {
    expiries_.learn(chunk.expiring, answer.replies, next);
    const auto& reply = answer.replies[next++];
    if (!reply.is_error()) {  // OK, or NOKEY: all of them expired or were deleted
      keys += static_cast<std::int64_t>(chunk.keys.size());
      bytes += chunk.bytes;
      count(chunk);
    } else if (auto failure = take_failure(std::move(chunk), reply.text)) {
      trouble = worse(trouble, *failure);
    }
  }
  in_flight_.clear();
  expiries_.arrived(answer.elapsed);
  if (!trouble) pace_.observe(keys, bytes, answer.elapsed);
  return trouble;
}

std::optional<Trouble> Drain::take_failure(Chunk chunk, const std::string& text) {
  const auto meaning = classify(text);
  if (meaning != Failure::kBusyKey || chunk.replace) return Trouble{meaning, text};
  if (proven_.contains(chunk.slot)) {
    chunk.replace = true;
    again_.push_back(std::move(chunk));
    return std::nullopt;
  }
  if (chunk.bytes > kComparable) {
    return Trouble{Failure::kBusyKey,
                   fmt::format("a key of slot {} is on both nodes and too large to be compared ({})",
                               chunk.slot, human_bytes(chunk.bytes))};
  }
  conflicts_.push_back(std::move(chunk));
  return std::nullopt;
}

void Drain::count(const Chunk& chunk) {
  const auto keys = static_cast<std::int64_t>(chunk.keys.size());
  moved_[chunk.slot] += keys;
  keys_ += keys;
  bytes_ += chunk.bytes;
}

std::optional<Trouble> Drain::take_dumps(const Answer& answer) {
  const bool source = waiting_ == Waiting::kSourceDumps;
  std::vector<Reply> dumps;
  for (std::size_t i = 0; i < answer.replies.size(); ++i) {
    if ((source && !asking_) || i % 2 == 1)
      dumps.push_back(answer.replies[i]);  // ASKING stands before the others
  }
  for (const auto& dump : dumps) {
    if (dump.is_error() && !is_gone(dump)) return Trouble{classify(dump.text), dump.text};
  }
  if (!source) return compare(dumps);
  source_dumps_ = std::move(dumps);
  return std::nullopt;
}

// Equal copies may be overwritten by the source's, keys that only the source has may go; different values are
// for a person to judge. `asking`: clients write to the copies on the target, which owns the slots, and may
// just have changed one, so there it is the source's that goes.
std::optional<Trouble> Drain::compare(const std::vector<Reply>& target_dumps) {
  const auto conflict = std::move(conflicts_.front());
  conflicts_.pop_front();
  const auto mine = std::exchange(source_dumps_, {});
  Chunk equal{conflict.slot, {}, conflict.expiring, 0, true},
      free{conflict.slot, {}, conflict.expiring, 0, false};
  int different = 0;
  for (std::size_t i = 0; i < conflict.keys.size(); ++i) {
    if (is_gone(mine[i])) continue;  // moved with the others of its chunk
    if (is_gone(target_dumps[i])) {
      free.keys.push_back(conflict.keys[i]);
    } else if (same_value(mine[i].text, target_dumps[i].text)) {
      equal.keys.push_back(conflict.keys[i]);
    } else {
      ++different;
    }
  }
  const auto keys = static_cast<Bytes>(conflict.keys.size());
  for (auto* chunk : {&equal, &free}) {
    chunk->bytes = conflict.bytes / keys * static_cast<Bytes>(chunk->keys.size());
    auto& queue = chunk == &equal && asking_ ? spare_ : again_;
    if (!chunk->keys.empty()) queue.push_back(std::move(*chunk));
  }
  if (different == 0) return std::nullopt;
  return Trouble{Failure::kBusyKey,
                 fmt::format("{} key(s) of slot {} have one value on {} and another on {}; nothing proves "
                             "which is newer, so both "
                             "are kept: compare them (DUMP on both, ASKING first on the target), delete the "
                             "wrong copy, run again",
                             different, conflict.slot, job_.source.name, job_.target.name)};
}

}  // namespace rebalance
