// Drives engines over the two connections of a pair, and over those of the other primaries.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "migrate/engine.h"
#include "migrate/epochs.h"
#include "migrate/group_turn.h"
#include "migrate/key_by_key.h"
#include "migrate/node_link.h"
#include "migrate/runner.h"

namespace rebalance {

// Used by one thread. Several of one pair share `group_turn`, which must outlive them.
class PairDriver {
 public:
  PairDriver(const Member& source, const Member& target, const std::vector<Member>& others,
             const RunnerOptions& options, const Hooks& hooks, std::stop_token stop,
             GroupTurn* group_turn = nullptr);

  Status connect();
  // Asks, answers, asks again, until the engine has no more to ask. `progressed` comes after every round
  // trip.
  Status drive(GroupEngine& engine, const std::function<void(const Progress&)>& progressed);
  // Others' turns begin.
  void release() {
    turn_.reset();
    handing_over_.reset();
  }
  // Writes to the journal, which may be where nobody answers for a moment, as while an API server restarts.
  // Nothing can be lost while we wait there, and as long as the cluster is ours it is better than giving up.
  Status recorded(const std::function<Status()>& write) const;

  // How the source reaches the target; reads the credentials anew.
  Result<MigrateAddress> address();
  // The biggest keys of at least `threshold` bytes of those slots that are too long to be listed at once.
  Result<std::map<Slot, Bytes>> big_keys_of_long_slots(const SlotSet& slots, Bytes threshold);
  PairNode source() const { return node(source_); }
  PairNode target() const { return node(target_); }
  const std::optional<Instant>& first_write() const { return first_write_; }

 private:
  static PairNode node(const NodeLink& link) {
    return {link.member().id, link.member().pod, link.run_id(), link.tells_expiry()};
  }
  int percent() const { return hooks_.speed == nullptr ? 100 : std::max(1, hooks_.speed->load()); }
  void wait_for_group_turn(const Ask& ask, const std::stop_token& stop);
  Result<Event> perform(const Ask& ask);
  Millis rest_after(const Ask& ask, const Event& event) const;
  Result<Answer> send(const Ask& ask);
  Result<Answer> send_together(const Ask& ask);
  NodeLink& link(Side side) { return side == Side::kSource ? source_ : target_; }
  void tell_others(const Ask& ask);
  Status take_turn();
  bool target_would_win();
  std::optional<Epochs> epochs(NodeLink& link);

  const Hooks& hooks_;
  std::stop_token stop_;
  NodeLink source_, target_;
  std::vector<NodeLink> others_;
  GroupTurn* group_turn_;
  GroupTurn::Held handing_over_;
  std::optional<Ownership::Turn> turn_;
  bool epochs_seen_ = false;  // of an earlier run the source may have taken slots just before this one
  std::optional<Instant> first_write_;
  std::optional<Error> refused_;  // by the gate
};

}  // namespace rebalance
