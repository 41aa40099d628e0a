// Keeps the instants at which keys expire. Pure.
//
// MIGRATE sends the time that is left, and the target counts it from when it comes: every expiry would be
// later by the way. So the source tells the instant in the pipeline of the MIGRATE itself, right before it,
// and a script sets it on the target afterwards, before the slot changes hands. The script leaves alone what
// differs by more than the way can have taken: a client set it meanwhile.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "migrate/engine.h"

namespace rebalance {

class Expiries {
 public:
  // `exact`: the source knows PEXPIRETIME; else TIME and PTTL tell the instant, at most 1 ms too early.
  // `asking`: as KeyList has it.
  Expiries(bool exact, bool asking) : exact_(exact), asking_(asking) {}

  // Appends the questions for `keys`, which a MIGRATE is to follow.
  void ask(const std::vector<std::string>& keys, std::vector<Command>& commands) const;
  // Reads their answers, from `next` on, which is then the MIGRATE's.
  void learn(const std::vector<std::string>& keys, const std::vector<Reply>& replies, std::size_t& next);
  // All that was learned is on the target now, and was on its way for no longer than `elapsed`.
  void arrived(std::chrono::microseconds elapsed) { elapsed_ = elapsed; }
  void forget() { learned_.clear(); }

  std::optional<Ask> next();  // for the target; nullopt: nothing to set
  // A target that permits no script keeps the shift, and is not asked again.
  void take(const std::vector<Reply>& replies);

 private:
  bool exact_, asking_, permitted_ = true;
  std::vector<std::pair<std::string, std::int64_t>> learned_;  // key and Unix milliseconds
  std::chrono::microseconds elapsed_{0};
};

// The instant at which one key expires: appends the question for it (`exact` as Expiries has it).
void ask_instant(const std::string& key, bool exact, std::vector<Command>& commands);
// Reads the answer, from `next` on. Unix milliseconds; kNeverExpires, kNoSuchKey; an error: the server's
// words.
inline constexpr std::int64_t kNeverExpires = -1, kNoSuchKey = -2;
Result<std::int64_t> instant_of(const std::vector<Reply>& replies, bool exact, std::size_t& next);

// Of a reply of TIME; 0 for any other.
std::int64_t unix_micros(const Reply& time);
std::int64_t unix_millis(const Reply& time);

// `keyspace` is a reply of INFO keyspace: does any key of database 0 expire?
bool some_expire(const Reply& keyspace);

}  // namespace rebalance
