// Lists keys of slots on the source and asks their sizes: pure, one round trip after the other.
//
// GETKEYSINSLOT has no cursor and blocks the server for its length (0.8 ms for 1,000 keys), so lists are
// bounded. Sizes are MEMORY USAGE with its default of 5 samples; a size that is known from an earlier list is
// not asked again.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "migrate/engine.h"
#include "model/slot_set.h"

namespace rebalance {

struct SizedKey {
  Slot slot = 0;
  std::string name;  // any bytes; reaches no log
  Bytes bytes = 0;
  bool expires = false;  // when it was sized
};

class KeyList {
 public:
  static constexpr std::int64_t kLongestList = 5000;  // of one slot: 4 ms of the server

  // `asking`: the source imports these slots, and serves their keys only after ASKING.
  explicit KeyList(bool asking = false) : asking_(asking) {}

  // Whether any key may expire: then each that is sized is asked for that, too.
  void expect_expiries(bool some) { expiries_ = some; }
  // Begins a list of at most limits[slot] keys of each slot; what was found before is forgotten.
  void start(const std::map<Slot, std::int64_t>& limits);
  std::optional<Ask> next();                       // nullopt: complete
  Status take(const std::vector<Reply>& replies);  // of what next() asked
  std::vector<SizedKey> found() { return std::move(found_); }
  // How many keys the last list had for a slot.
  const std::map<Slot, std::int64_t>& listed() const { return listed_; }

 private:
  bool asking_, expiries_ = false;
  Status take_names(const std::vector<Reply>& replies);
  Status take_sizes(const std::vector<Reply>& replies);
  void keep(Slot slot, std::string name);

  std::deque<std::pair<Slot, std::int64_t>> to_list_;
  std::vector<Slot> listing_;  // asked now
  std::deque<std::pair<Slot, std::string>> unsized_;
  std::size_t sizing_ = 0;  // asked now, from the front of unsized_
  std::vector<SizedKey> found_;
  std::map<Slot, std::int64_t> listed_;
  struct Known {
    Bytes bytes = 0;
    bool expires = false;
  };
  std::unordered_map<std::string, Known> known_;
};

}  // namespace rebalance
