// The inside of the key-by-key engine: one file of functions a stage of a group (look, open, drain, own), in
// the order in which they run. For the contract see key_by_key.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "migrate/drain.h"
#include "migrate/key_by_key.h"
#include "migrate/key_list.h"
#include "migrate/slot_commands.h"

namespace rebalance::key_by_key {

using Step = Result<std::optional<Ask>>;
using Replies = std::vector<Reply>;

constexpr Millis kStopWithin{5000};

// What was asked last.
enum class Stage {
  kLookTarget,
  kLookSource,
  kScan,         // sizes of the keys of closed slots
  kOpenTarget,   // IMPORTING, read back
  kCloseUnused,  // slots that the target already has keys of
  kOpenSource,   // MIGRATING, read back
  kList,
  kMove,
  kConfirm,  // the source empty, primary, the same and still MIGRATING, in one transaction
  kOwnTarget,
  kOwnSource,
  kOwnOthers,
  kBackOutCheck,  // slots with a key that may not move, none of whose keys moved yet
  kBackOutSource,
  kBackOutTarget,
};

class KeyByKey final : public GroupEngine {
 public:
  KeyByKey(GroupJob job, Pace& pace)
      : job_(std::move(job)),
        pace_(pace),
        drain_(job_, pace),
        todo_(job_.slots),
        open_(job_.adopted),
        proven_(job_.proven) {
    drain_.trust(proven_);
  }

  Ask start() override { return *look(Millis(0)); }
  Step step(const Event& event) override;
  Progress progress() const override { return {done_.size(), drain_.keys(), drain_.bytes(), retries_}; }
  SlotSet done() const override { return done_; }
  SlotSet left_open() const override { return open_; }
  std::vector<SkippedSlot> skipped() const override { return skipped_; }

 private:
  // What is to be done for the slots of todo_, as the last look found them.
  struct Work {
    SlotSet closed;                       // to open: IMPORTING, MIGRATING
    SlotSet reopen;                       // MIGRATING, but the target lost IMPORTING
    SlotSet drain;                        // open on both sides
    SlotSet tell;                         // the target owns it, the source has not heard
    std::map<Slot, std::int64_t> counts;  // keys on the source
  };

  std::optional<Ask> look(Millis wait);
  Step answered(const Replies& replies, const Answer& answer);
  Step looked_at_target(const Replies& replies);
  Step looked_at_source(const Replies& replies);
  Status check_roles() const;
  Status sort_slot(Slot slot);
  Status sort_owned(Slot slot);
  Step scan();
  Step scanned(const Replies& replies);
  void leave_closed(Slot slot, Bytes biggest);
  Step open_target();
  Step opened_target(const Replies& replies);
  Step closed_unused(const Replies& replies);
  Step open_source();
  Step opened_source(const Replies& replies);
  Step begin_drain();
  Step work_on();
  Step listed(const Replies& replies);
  Step moved(const Answer& answer);
  Step confirm();
  Step confirmed(const Replies& replies);
  Step give_away(const std::map<Slot, std::int64_t>& counts);
  Step own_target();
  Step owned_by_target(const Replies& replies);
  Step own_source();
  Step told_source(const Replies& replies);
  Step tell_others();
  Step told_others();
  Step back_out();
  Step go_forward(const SlotSet& slots);
  Step backed_out_check(const Replies& replies);
  Step backed_out_source(const Replies& replies);
  Step backed_out_target(const Replies& replies);

  Step ask(Stage stage, Ask ask);
  Step ask_for_each(Stage stage, Side side, const SlotSet& slots, const char* state, const NodeId& node,
                    bool ownership = false);
  Step retry(const std::string& why);
  Step failed(const std::string& what, const std::string& text);
  Step troubled(const std::string& what, const std::string& text);
  Step stop();
  void skip(Slot slot, std::string reason);
  bool too_big(Slot slot, Bytes bytes) const;
  void skip_too_big(Slot slot, Bytes bytes);
  std::string too_big_reason(Bytes bytes) const;
  Millis remaining() const;

  GroupJob job_;
  Pace& pace_;
  KeyList keys_;
  Drain drain_;
  SlotSet todo_, done_, open_, proven_;
  SlotSet unused_;   // to be closed again on the target
  SlotSet blocked_;  // open, with a key that may not move
  SlotSet forward_;  // keys of it are on the target: it cannot be closed again
  SlotSet closing_;  // confirmed empty: ownership is on its way
  SlotSet untold_;   // done, but the other primaries have not been told
  std::map<Slot, Bytes> blocking_bytes_;
  Work work_;
  OwnView source_, target_;
  std::vector<SkippedSlot> skipped_;
  Stage stage_ = Stage::kLookTarget;
  Ask pending_;
  int tries_ = 0, retries_ = 0;
  std::int64_t keys_at_last_try_ = 0;
  bool stopping_ = false, looked_ = false;
  std::chrono::microseconds since_stop_{0};
};

}  // namespace rebalance::key_by_key
