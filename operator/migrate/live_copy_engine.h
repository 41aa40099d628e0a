// The inside of the live-copy engine: one file of functions a stage of a group (look, copy, hand over,
// close), in the order in which they run. For the contract see live_copy.h.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "migrate/clearing.h"
#include "migrate/key_list.h"
#include "migrate/live_copy.h"
#include "migrate/slot_commands.h"
#include "migrate/staged_keys.h"

namespace rebalance::live_copy {

using Step = Result<std::optional<Ask>>;
using Replies = std::vector<Reply>;

// What was asked last.
enum class Stage {
  kIds,        // CLIENT ID of both data connections
  kFence,      // what may still be under way on lost connections ends
  kLook,       // both sides: roles, marks, counts
  kClear,      // copies of which nothing is known any more
  kList,       // sizes
  kKinds,      // types of the large ones
  kOpen,       // IMPORTING on the target
  kSubscribe,  // to invalidations
  kTrack,
  kCopy,
  kChanges,  // what changed since it was read
  kPause,
  kUnpause,
  kWatch,
  kRefresh,   // what changed before the WATCH
  kCopyLast,  // it, read under the WATCH
  kReady,     // the target: counts, marks, replicas
  kHandOver,
  kReplicas,  // of the source
  kOwnTarget,
  kOwnSource,
  kLeave,  // slots that stay: their copies go, and they are closed
  kOwnOthers,
  kUntrack,
};

class LiveCopy final : public GroupEngine {
 public:
  LiveCopy(LiveJob job, Pace& pace)
      : job_(std::move(job)), pace_(pace), staged_(job_.source.tells_expiry, pace), todo_(job_.slots) {}

  Ask start() override { return *ids(Millis(0)); }
  Step step(const Event& event) override;
  Progress progress() const override;
  SlotSet done() const override { return done_; }
  SlotSet left_open() const override { return job_.adopted && !looked_ ? todo_ : open_; }
  std::vector<SkippedSlot> skipped() const override { return skipped_; }
  SlotSet unfit() const override { return unfit_; }

 private:
  // Slots that are handed over by one transaction.
  struct Portion {
    SlotSet slots;
    std::unordered_set<std::string> watched;
    std::map<Slot, std::vector<std::string>> listed;  // under WATCH
    int watches = 0;                                  // of this attempt
    int refusals = 0;
    bool late = false;  // its second turn
  };

  Step answered(const Answer& answer);
  std::optional<Ask> ids(Millis wait);
  Step got_ids(const Answer& answer);
  Step fenced(const Answer& answer);
  bool looking() const { return stage_ == Stage::kIds || stage_ == Stage::kFence || stage_ == Stage::kLook; }
  SlotSet unsettled() const;  // of which a look must tell where they are
  Step look();
  Step looked(const Answer& answer);
  Status sort_slot(Slot slot, std::int64_t source_keys, std::int64_t target_keys);
  Status sort_owned(Slot slot, std::int64_t source_keys);
  Status sort_lost(Slot slot);
  Step go_on();
  Step clear(Stage stage, const SlotSet& slots);
  Step cleared(const Replies& replies);

  Step list();
  Step listed(const Replies& replies);
  Step kinds();
  Step told_kinds(const Replies& replies);
  void learn(const SizedKey& key, std::optional<Kind> kind);
  Step open();
  Step opened(const Replies& replies);
  Step subscribed(const Replies& replies);
  Step tracked(const Answer& answer);
  Step copy();
  Step ask_copies(Stage stage, Ask next);
  Step copied(const Answer& answer);
  Step changes();
  Step changed(const Answer& answer);
  void take_messages(const std::vector<Reply>& messages);

  Step next_portion();
  SlotSet pick_portion();
  Step attempt();
  Step paused(const Replies& replies);
  Step watch(const std::vector<std::string>& names, bool afresh);
  Step watched(const Replies& replies);
  Step refresh();
  Step refreshed(const Answer& answer);
  Step copy_last();
  std::vector<Command> is_target_ready() const;
  Step ready(Millis wait);
  Step checked(const Replies& replies);
  bool counts_agree(const Replies& replies);
  Step transact();
  Step transacted(const Replies& replies);
  Step refused();
  Step told_refused();
  Step too_hot();

  Step own_target();
  Step owned_by_target(const Replies& replies);
  Step tell_source();
  Step told_source(const Replies& replies);
  Step close();
  Step end();

  Step ask(Stage stage, Ask ask);
  Step retry(const std::string& why);
  Step troubled(const std::string& what, const std::string& text);
  Step give_up(Error error);
  Step stop();
  void skip(Slot slot, std::string reason);
  bool too_big(Bytes bytes) const { return pace_.stall(bytes) > job_.latency; }

  LiveJob job_;
  Pace& pace_;
  KeyList list_;
  std::vector<SizedKey> large_;
  StagedKeys staged_;
  Clearing clearing_;
  SlotSet todo_;    // to be handed over
  SlotSet handed_;  // the source has given them, the target does not own them yet
  SlotSet done_, open_, unfit_;
  SlotSet staged_slots_;                  // copies of which nothing is known any more
  SlotSet leaving_;                       // open, and to be closed without a move
  SlotSet unsure_;                        // a hand-over was sent, and no answer or mark has told its end
  SlotSet lost_;                          // open, maybe given, and the source has lost its place
  SlotSet untold_;                        // done, but the other primaries have not been told
  SlotSet alone_, late_;                  // slots that change too often to go with others, or at once
  std::map<Slot, std::int64_t> counts_;   // keys, as last looked
  std::map<Slot, std::int64_t> changes_;  // told by the source
  Portion portion_;
  OwnView source_, target_;
  std::set<std::string> source_ids_, target_ids_;  // of our connections, by CLIENT ID
  std::string subscriber_;
  std::vector<SkippedSlot> skipped_;
  std::optional<Error> giving_up_;
  Stage stage_ = Stage::kIds;
  Ask pending_;
  int tries_ = 0, retries_ = 0, rounds_ = 0, waits_ = 0, reads_ = 0;
  int done_at_last_try_ = 0;
  bool stopping_ = false, pausing_ = false, ended_ = false, may_pause_ = true, looked_ = false;
  bool one_by_one_ = false;  // the target takes slots without a transaction
  std::int64_t keys_ = 0;
  Bytes bytes_ = 0;  // of what was handed over
  std::chrono::microseconds tracked_for_{0};
};

}  // namespace rebalance::live_copy
