// Copies of keys on the target that the source still serves: which are there, which are current, and the
// reads and writes that make the others so. Pure, one round trip after the other.
//
// A key is current from the moment before its read is sent until the source tells of a change (the tracking
// of CLIENT TRACKING): a change between the two is told after the read, so it is never taken for older. One
// chunk is read while the one before is written; all writes go over one connection, so that a key's versions
// arrive in order. TIME at both ends of a pipeline tells Pace what it cost. An expiry is an instant:
// PEXPIRETIME from 7.0 on, else PTTL and TIME side by side. A read that finds nothing deletes the copy: a key
// that expired or was deleted must not come back.
//
// A large key of a type that can be taken apart is copied in pieces, alone (piece_copy.h); one that changes
// meanwhile is left as it is, and is copied from the first piece on when it is queued again.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "migrate/drain.h"
#include "migrate/engine.h"
#include "migrate/pace.h"
#include "migrate/piece_copy.h"

namespace rebalance {

// Larger ones go in pieces. Measured: docs/benchmarks.md.
inline constexpr Bytes kLargestWhole = 64 * kKiB;

struct StagedKey {
  static constexpr char kInPieces = -1;

  Bytes bytes = 0;           // MEMORY USAGE when it was listed or looked at, or more, of its DUMP
  bool sized = false;        // else it is looked at before it is read
  std::optional<Kind> kind;  // of a large one: how it can be taken apart
  bool current = false;      // as far as the source has told
  bool queued = false;
  bool there = false;  // on the target
  char type = 0;       // of the RDB format, or kInPieces
  std::string check;   // the CRC-64 that ends its DUMP (redis.io, DUMP)

  bool in_pieces() const { return kind && bytes > kLargestWhole; }
};

class StagedKeys {
 public:
  using Keys = std::unordered_map<std::string, StagedKey>;  // any bytes; reaches no log

  // `pace` must outlive it.
  StagedKeys(bool tells_expiry, Pace& pace) : tells_expiry_(tells_expiry), pace_(pace) {}

  void forget();  // everything: the state is looked at anew
  void forget(Slot slot) { slots_.erase(slot); }
  // Known ones stay as they are. `bytes` 0: not known.
  void learn(Slot slot, const std::string& name, Bytes bytes, std::optional<Kind> kind = {});
  void changed(Slot slot, const std::string& name);
  void changed(Slot slot);  // all of its keys
  void all_changed();       // FLUSHALL
  // Of others the copies are to go, and those without one are forgotten.
  void keep_only(Slot slot, const std::unordered_set<std::string>& names);
  void queue(Slot slot);      // whatever is not current is to be copied
  std::size_t stale() const;  // reads that it would take
  const Keys& keys(Slot slot) const;

  std::optional<Ask> next();  // nullopt: all that was queued is on the target
  std::optional<Trouble> take(const Answer& answer);
  Bytes copied() const { return copied_; }  // bytes of all reads so far

 private:
  struct Name {
    Slot slot = 0;
    std::string name;
  };
  struct Copy {
    Name key;
    std::string dump;             // empty: the key is gone
    std::int64_t expires_at = 0;  // Unix milliseconds; 0: never
  };

  enum class Reading { kNothing, kSizes, kKeys, kPiece };

  void read_next(Ask& ask);
  void skip_forgotten();
  void ask_sizes(Ask& ask);
  void ask_keys(Ask& ask);
  void ask_piece(Ask& ask);
  std::vector<Command> write_next();
  StagedKey* find(const Name& name);
  std::optional<Trouble> take_reads(const std::vector<Reply>& replies);
  std::optional<Trouble> take_sizes(const std::vector<Reply>& replies);
  std::optional<Trouble> take_keys(const std::vector<Reply>& replies);
  std::optional<Trouble> take_piece(const std::vector<Reply>& replies);
  std::optional<Trouble> take_writes(const std::vector<Reply>& replies);

  bool tells_expiry_;
  Pace& pace_;
  std::map<Slot, Keys> slots_;
  std::deque<Name> queue_;
  Reading asked_ = Reading::kNothing;
  std::vector<Name> reading_;
  Bytes reading_bytes_ = 0;
  std::vector<Copy> read_;  // not yet written
  Name in_pieces_;
  std::optional<PieceCopy> pieces_;   // of that key
  std::optional<std::int64_t> held_;  // all of written_ is on its way: as much must be there then
  Name written_;
  bool writing_ = false;
  Bytes copied_ = 0;
};

}  // namespace rebalance
