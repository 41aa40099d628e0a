// Moves listed keys with MIGRATE, a few milliseconds of the source's time at once, and settles keys that are
// on both sides. Pure, one round trip after the other.
//
// One pipeline holds as many MIGRATEs (one a slot: keys of two slots may not share one) as Pace allows
// together, because the server runs pipelined MIGRATEs of a client without a gap. A big key travels alone.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "migrate/classify.h"
#include "migrate/expiry.h"
#include "migrate/key_by_key.h"
#include "migrate/key_list.h"

namespace rebalance {

// Why draining cannot just go on.
struct Trouble {
  Failure meaning;
  std::string text;  // the server's words, or ours
};

class Drain {
 public:
  // `asking`: as KeyList has it.
  Drain(const GroupJob& job, Pace& pace, bool asking = false)
      : job_(job), pace_(pace), expiries_(job.source.tells_expiry, asking), asking_(asking) {}

  void add(std::vector<SizedKey> keys);                    // sorted by slot, as KeyList finds them
  void forget();                                           // all that was added: the state is looked at anew
  void trust(const SlotSet& proven) { proven_ = proven; }  // copies on the target are ours: REPLACE is safe
  std::optional<Ask> next();                               // nullopt: all that was added has moved
  std::optional<Trouble> take(const Answer& answer);

  std::int64_t keys() const { return keys_; }
  Bytes bytes() const { return bytes_; }
  std::int64_t moved(Slot slot) const;  // keys of that slot so far

 private:
  struct Chunk {
    Slot slot = 0;
    std::vector<std::string> keys;
    std::vector<std::string> expiring;  // those of keys that expire
    Bytes bytes = 0;
    bool replace = false;
  };
  enum class Waiting { kNothing, kMigrate, kExpiries, kSourceDumps, kTargetDumps, kDeletes };

  Chunk next_chunk(Bytes room, std::size_t keys);
  Command migrate(const Chunk& chunk) const;
  std::optional<Ask> ask_migrate();
  Ask ask_dumps(Side side);
  Ask ask_deletes();
  std::optional<Trouble> take_migrate(const Answer& answer);
  std::optional<Trouble> take_failure(Chunk chunk, const std::string& text);
  std::optional<Trouble> take_dumps(const Answer& answer);
  std::optional<Trouble> take_deletes(const Answer& answer);
  std::optional<Trouble> compare(const std::vector<Reply>& target_dumps);
  void count(const Chunk& chunk);

  const GroupJob& job_;
  Pace& pace_;
  Expiries expiries_;
  bool asking_;
  SlotSet proven_;
  std::deque<SizedKey> queue_;
  std::deque<Chunk> again_;  // with REPLACE, or what a comparison set free
  std::vector<Chunk> in_flight_;
  std::deque<Chunk> conflicts_;  // BUSYKEY, not proven
  std::deque<Chunk> spare_;      // `asking`: the owner has the same
  std::vector<Reply> source_dumps_;
  Waiting waiting_ = Waiting::kNothing;
  std::map<Slot, std::int64_t> moved_;
  std::int64_t keys_ = 0;
  Bytes bytes_ = 0;
};

}  // namespace rebalance
