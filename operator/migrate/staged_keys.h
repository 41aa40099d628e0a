// Copies of keys on the target that the source still serves: which are there, which are current, and the
// reads and writes that make the others so. Pure, one round trip after the other.
//
// A key is current from the moment before its read is sent until the source tells of a change (the tracking
// of CLIENT TRACKING): a change between the two is told after the read, so it is never taken for older. One
// chunk is read while the one before is written; all writes go over one connection, so that a key's versions
// arrive in order. TIME at both ends of a pipeline tells Pace what it cost. An expiry is an instant:
// PEXPIRETIME from 7.0 on, else PTTL and TIME side by side. A read that finds nothing deletes the copy: a key
// that expired or was deleted must not come back.
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

namespace rebalance {

struct StagedKey {
  Bytes bytes = 0;       // MEMORY USAGE when it was listed, else of its DUMP
  bool current = false;  // as far as the source has told
  bool queued = false;
  bool there = false;  // on the target
  char type = 0;       // of the RDB format
  std::string check;   // the CRC-64 that ends its DUMP (redis.io, DUMP)
};

class StagedKeys {
 public:
  using Keys = std::unordered_map<std::string, StagedKey>;  // any bytes; reaches no log

  // `pace` must outlive it.
  StagedKeys(bool tells_expiry, Pace& pace) : tells_expiry_(tells_expiry), pace_(pace) {}

  void forget();  // everything: the state is looked at anew
  void forget(Slot slot) { slots_.erase(slot); }
  void learn(Slot slot, const std::string& name, Bytes bytes);  // known ones stay as they are
  void changed(Slot slot, const std::string& name);
  void changed(Slot slot);  // all of its keys
  void all_changed();       // FLUSHALL
  // Of others the copies are to go, and those without one are forgotten.
  void keep_only(Slot slot, const std::unordered_set<std::string>& names);
  void queue(Slot slot);      // whatever is not current is to be copied
  std::size_t stale() const;  // keys that are not
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

  void read_next(Ask& ask);
  std::vector<Command> write_next();
  StagedKey* find(const Name& name);
  std::optional<Trouble> take_reads(const std::vector<Reply>& replies);
  std::optional<Trouble> take_writes(const std::vector<Reply>& replies) const;

  bool tells_expiry_;
  Pace& pace_;
  std::map<Slot, Keys> slots_;
  std::deque<Name> queue_;
  std::vector<Name> reading_;
  Bytes reading_bytes_ = 0;
  std::vector<Copy> read_;  // not yet written
  bool writing_ = false;
  Bytes copied_ = 0;
};

}  // namespace rebalance
