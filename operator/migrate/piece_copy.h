// One key that is copied in pieces, none of which holds a server for long. Pure, one round trip after the
// other.
//
// A piece is read by a command that leaves the rest of the key alone (HSCAN, SSCAN, ZSCAN, LRANGE, GETRANGE)
// and written by one that adds to the copy (HSET, SADD, ZADD, RPUSH, APPEND). Scans return whatever is there
// from their first call to their last (redis.io, SCAN), and what they return twice is added twice without
// harm; ranges are exact. Both as long as nothing changes the key: who copies has it tracked from the first
// read on, and copies one that changed anew. The key's expiry is set with the last piece, so that no later
// one is added to a copy that has expired; a field's with the field. In the end the target says how much it
// holds: what it lost of the copy meanwhile (an eviction) would not show in its number of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "migrate/engine.h"
#include "migrate/pace.h"

namespace rebalance {

enum class Kind { kString, kHash, kSet, kSortedSet, kList };
// Of an answer of TYPE; nullopt: it goes whole (streams, modules), or there is none.
std::optional<Kind> kind_of(const std::string& type);

class PieceCopy {
 public:
  // `exact` as Expiries has it; `replaces`: the target holds a copy, perhaps of some pieces; `first`: how
  // many elements the first piece has, of whose size nothing is known yet.
  PieceCopy(std::string key, Kind kind, bool exact, bool replaces, std::int64_t first)
      : key_(std::move(key)), kind_(kind), exact_(exact), replaces_(replaces), count_(first) {}

  bool read() const { return scanned_ && untold_.empty(); }
  // Appends the questions for the next piece; none where all has been read.
  void ask(const Pace& pace, std::vector<Command>& commands);
  // Reads their answers, from `next` on; the server's words where it refused.
  Status take(const std::vector<Reply>& replies, std::size_t next);
  // What has been read since the last call, for the target, which imports the slot. After all has been read,
  // and where anything was found, the last command asks how much the copy holds: it must be held().
  std::vector<Command> write();

  bool found() const { return elements_ > 0; }  // anything at all
  std::int64_t held() const { return held_; }   // elements, or bytes of a string, at the source
  // Of the piece that was taken last.
  std::int64_t piece_elements() const { return piece_elements_; }
  Bytes piece_bytes() const { return piece_bytes_; }

 private:
  using Items = std::vector<std::string>;  // as the server tells them: of a hash, field and value in turn

  std::int64_t next_count(const Pace& pace) const;
  Command question() const;
  void take_piece(const Reply& reply);
  void take_expiries(const Reply& reply);
  Command addition();
  std::size_t width() const { return kind_ == Kind::kHash || kind_ == Kind::kSortedSet ? 2 : 1; }

  std::string key_;
  Kind kind_;
  bool exact_, replaces_;
  bool begun_ = false, scanned_ = false, fields_expire_ = false;
  std::string cursor_ = "0";  // of a scan
  std::int64_t index_ = 0;    // of a range
  std::int64_t count_ = 0;    // asked last
  std::int64_t expires_at_ = 0, held_ = 0;
  Items untold_;                                                // read, but not yet when its fields expire
  Items ready_;                                                 // to be written
  std::vector<std::pair<std::int64_t, std::string>> expiries_;  // of fields in ready_
  std::int64_t elements_ = 0, piece_elements_ = 0;
  Bytes bytes_ = 0, piece_bytes_ = 0;
};

}  // namespace rebalance
