#include "migrate/piece_copy.h"

#include <algorithm>
#include <map>

#include "migrate/expiry.h"
#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

constexpr std::int64_t kGrowth = 4;  // from one piece to the next: elements may be larger further on

struct Words {
  const char *type, *reads, *adds, *counts;
};
constexpr Words kWords[] = {{"string", "GETRANGE", "APPEND", "STRLEN"},
                            {"hash", "HSCAN", "HSET", "HLEN"},
                            {"set", "SSCAN", "SADD", "SCARD"},
                            {"zset", "ZSCAN", "ZADD", "ZCARD"},
                            {"list", "LRANGE", "RPUSH", "LLEN"}};
const Words& words(Kind kind) { return kWords[static_cast<std::size_t>(kind)]; }

bool is_range(Kind kind) { return kind == Kind::kString || kind == Kind::kList; }

// Redis from 7.4 on tells in INFO how many hashes have fields that expire; others have none.
bool fields_expire(const Reply& keyspace) {
  const auto counts = info_field(keyspace, "db0");
  return counts.find("subexpiry=") != std::string::npos && counts.find("subexpiry=0") == std::string::npos;
}

}  // namespace

std::optional<Kind> kind_of(const std::string& type) {
  for (const auto kind : {Kind::kString, Kind::kHash, Kind::kSet, Kind::kSortedSet, Kind::kList}) {
    if (type == words(kind).type) return kind;
  }
  return std::nullopt;
}

std::int64_t PieceCopy::next_count(const Pace& pace) const {
  if (kind_ == Kind::kString) return pace.piece_bytes();
  if (elements_ == 0) return count_;
  const auto fitting = pace.piece_bytes() * elements_ / std::max<Bytes>(1, bytes_);
  return std::clamp<std::int64_t>(std::min<std::int64_t>(fitting, pace.piece_elements()), 1,
                                  kGrowth * count_);
}

Command PieceCopy::question() const {
  if (is_range(kind_))
    return {words(kind_).reads, key_, std::to_string(index_), std::to_string(index_ + count_ - 1)};
  return {words(kind_).reads, key_, cursor_, "COUNT", std::to_string(count_)};
}

void PieceCopy::ask(const Pace& pace, std::vector<Command>& commands) {
  if (!begun_) {
    ask_instant(key_, exact_, commands);
    commands.push_back({words(kind_).counts, key_});
    if (kind_ == Kind::kHash) commands.push_back({"INFO", "keyspace"});
  }
  if (!untold_.empty()) {
    Command question{"HPEXPIRETIME", key_, "FIELDS", std::to_string(untold_.size() / 2)};
    for (std::size_t i = 0; i < untold_.size(); i += 2) question.push_back(untold_[i]);
    commands.push_back(std::move(question));
  }
  if (scanned_) return;
  count_ = next_count(pace);
  commands.push_back(question());
}

Status PieceCopy::take(const std::vector<Reply>& replies, std::size_t next) {
  for (auto i = next; i < replies.size(); ++i) {
    if (replies[i].is_error()) return error(ErrorCode::kRefused, replies[i].text);
  }
  if (!std::exchange(begun_, true)) {
    TRY(instant, instant_of(replies, exact_, next));
    expires_at_ = instant;
    held_ = replies[next++].integer;
    if (kind_ == Kind::kHash) fields_expire_ = fields_expire(replies[next++]);
  }
  if (!untold_.empty()) take_expiries(replies[next++]);
  if (!scanned_) take_piece(replies[next]);
  if (expires_at_ != kNoSuchKey) return {};
  scanned_ = true;  // one that came since is told
  untold_ = ready_ = {};
  elements_ = 0;
  return {};
}

void PieceCopy::take_piece(const Reply& reply) {
  const auto& items = is_range(kind_) ? reply.items : reply.items.at(1).items;
  Items piece;
  for (const auto& item : items) piece.push_back(item.text);
  if (kind_ == Kind::kString && (index_ == 0 || !reply.text.empty())) piece.push_back(reply.text);
  piece_bytes_ = 0;
  for (const auto& item : piece) piece_bytes_ += std::ssize(item);
  piece_elements_ = std::ssize(piece) / static_cast<std::int64_t>(width());
  const auto read = kind_ == Kind::kString ? piece_bytes_ : piece_elements_;
  index_ += read;
  if (is_range(kind_)) {
    scanned_ = read < count_;
  } else {
    cursor_ = reply.items.at(0).text;
    scanned_ = cursor_ == "0";
  }
  elements_ += piece_elements_;
  bytes_ += piece_bytes_;
  (fields_expire_ ? untold_ : ready_) = std::move(piece);
}

// A field that expired since it was read is left out.
void PieceCopy::take_expiries(const Reply& reply) {
  for (std::size_t i = 0; i < untold_.size(); i += 2) {
    const auto at = i / 2 < reply.items.size() ? reply.items[i / 2].integer : kNoSuchKey;
    if (at == kNoSuchKey) continue;
    if (at > 0) expiries_.emplace_back(at, untold_[i]);
    ready_.push_back(std::move(untold_[i]));
    ready_.push_back(std::move(untold_[i + 1]));
  }
  untold_.clear();
}

Command PieceCopy::addition() {
  Command command{words(kind_).adds, key_};
  command.reserve(ready_.size() + 2);
  for (std::size_t i = 0; i < ready_.size(); i += width()) {
    if (kind_ == Kind::kSortedSet) command.push_back(std::move(ready_[i + 1]));  // the score comes first
    command.push_back(std::move(ready_[i]));
    if (kind_ == Kind::kHash) command.push_back(std::move(ready_[i + 1]));
  }
  ready_.clear();
  return command;
}

std::vector<Command> PieceCopy::write() {
  std::vector<Command> commands;
  const auto add = [&](Command command) {
    commands.push_back({"ASKING"});
    commands.push_back(std::move(command));
  };
  if (begun_ && std::exchange(replaces_, false)) add({"UNLINK", key_});
  if (!ready_.empty()) add(addition());
  std::map<std::int64_t, Command> together;
  for (auto& [at, field] : std::exchange(expiries_, {})) together[at].push_back(std::move(field));
  for (auto& [at, fields] : together) {
    Command command{"HPEXPIREAT", key_, std::to_string(at), "FIELDS", std::to_string(fields.size())};
    std::ranges::move(fields, std::back_inserter(command));
    add(std::move(command));
  }
  if (!read() || !found()) return commands;
  if (expires_at_ > 0) add({"PEXPIREAT", key_, std::to_string(expires_at_)});
  add({words(kind_).counts, key_});
  return commands;
}

}  // namespace rebalance
