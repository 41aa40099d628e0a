#include "migrate/expiry.h"

#include <algorithm>
#include <cstdlib>

#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

// What the clocks of two hosts may differ by.
constexpr auto kClocks = 50ms;

constexpr const char* kSetInstant =
    "local left = redis.call('PTTL', KEYS[1]) "
    "if left < 0 then return 0 end "
    "local now = redis.call('TIME') "
    "local off = now[1] * 1000 + math.floor(now[2] / 1000) + left - ARGV[1] "
    "if math.abs(off) > tonumber(ARGV[2]) then return 0 end "
    "return redis.call('PEXPIREAT', KEYS[1], ARGV[1])";

}  // namespace

void Expiries::ask(const std::vector<std::string>& keys, std::vector<Command>& commands) const {
  if (keys.empty() || !permitted_) return;
  if (!exact_) commands.push_back({"TIME"});
  for (const auto& key : keys) {
    if (asking_) commands.push_back({"ASKING"});
    commands.push_back({exact_ ? "PEXPIRETIME" : "PTTL", key});
  }
}

void Expiries::learn(const std::vector<std::string>& keys, const std::vector<Reply>& replies,
                     std::size_t& next) {
  if (keys.empty() || !permitted_) return;
  const std::int64_t since = exact_ ? 0 : unix_millis(replies[next++]);
  for (const auto& key : keys) {
    if (asking_) ++next;
    const auto& reply = replies[next++];
    if (reply.is_integer() && reply.integer > 0) learned_.emplace_back(key, since + reply.integer);
  }
}

std::optional<Ask> Expiries::next() {
  if (learned_.empty()) return std::nullopt;
  const auto way = std::chrono::ceil<std::chrono::milliseconds>(elapsed_) + kClocks;
  Ask ask{Side::kTarget, {}};
  for (const auto& [key, instant] : learned_) {
    ask.commands.push_back({"ASKING"});
    ask.commands.push_back(
        {"EVAL", kSetInstant, "1", key, std::to_string(instant), std::to_string(way.count())});
  }
  ask.writes = true;
  learned_.clear();
  return ask;
}

// A key that is gone again needs no instant, and one that stays unset is late by the way: neither stops a
// move.
void Expiries::take(const std::vector<Reply>& replies) {
  if (std::ranges::any_of(replies, [](const Reply& reply) { return reply.is_error("NOPERM"); }))
    permitted_ = false;
}

// PTTL first: an instant that is a millisecond late rather than early.
void ask_instant(const std::string& key, bool exact, std::vector<Command>& commands) {
  commands.push_back({exact ? "PEXPIRETIME" : "PTTL", key});
  if (!exact) commands.push_back({"TIME"});
}

Result<std::int64_t> instant_of(const std::vector<Reply>& replies, bool exact, std::size_t& next) {
  const auto& told = replies[next++];
  const std::int64_t since = exact ? 0 : unix_millis(replies[next++]);
  if (told.is_error()) return error(ErrorCode::kRefused, told.text);
  return told.integer < 0 ? told.integer : since + told.integer;
}

std::int64_t unix_micros(const Reply& time) {
  if (time.items.size() != 2) return 0;
  return std::atoll(time.items[0].text.c_str()) * 1'000'000 + std::atoll(time.items[1].text.c_str());
}

std::int64_t unix_millis(const Reply& time) { return unix_micros(time) / 1000; }

bool some_expire(const Reply& keyspace) {
  const auto counts = info_field(keyspace, "db0");
  return counts.find("expires=") != std::string::npos && counts.find("expires=0") == std::string::npos;
}

}  // namespace rebalance
