// The loop over one RedisRebalance: look, decide, act, tell. Private to control/; run() is its door.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include "codec/record_codec.h"
#include "control/cold_keys.h"
#include "control/defrag.h"
#include "control/executor.h"
#include "control/gate.h"
#include "control/keeper.h"
#include "control/move_log.h"
#include "control/observer.h"
#include "control/raised_limits.h"
#include "control/resident_estimate.h"
#include "control/run.h"
#include "control/sampler.h"
#include "control/tally.h"
#include "journal/journal.h"
#include "reconcile/decide.h"

namespace rebalance {

class Controller {
 public:
  // `lease`, `limits`: nullptr where none is needed, or none can be raised; must outlive it, as `documents`
  // must.
  Controller(RedisRebalance resource, Observer observer, DocumentStore& documents,
             std::unique_ptr<Journal> journal, ClusterLease* lease, RaisedLimits* limits, RunOptions options,
             Reporter& reporter, std::stop_token stop);

  Summary run();
  // Waits a while for the memory that lets raised limits go back; run() ends with it.
  void put_back_limits();
  bool nothing_open() const { return journal_->intents().empty() && defrag_.all_put_back(); }

 private:
  void recall();  // what an earlier process kept
  void recall_plan(const Record& record);
  void look();
  Scene scene();
  void act(const Action& action);
  Result<std::unique_ptr<ClaimKeeper>> claim_all();
  void take_claim();
  void start_batch(const StartBatch& start);
  void find_big_keys();
  std::function<void(std::stop_token)> cold_look(const BatchJob& job);
  void tell_cold_keys();
  void begin_defrag(const PodName& source);
  void repair(const RepairOpen& what);
  void raise_limits(const RaiseLimits& raise);
  void put_back_now(const World& world);
  Status keep_record();
  void not_kept(const Error& why);
  bool sets_out(const RebalanceStatus& next) const;
  Status begin_log(const RebalanceStatus& next);
  void flush_log(bool last);
  void take_finished();
  void begin_watching();
  void estimate_resident();
  std::vector<NodeId> takers(const Batch& batch) const;
  void tell_changes(const Decision& decision);
  void tell_speed(const RebalanceStatus& next);
  void wait(Millis limit);
  RunView view() const;
  Summary summary();

  RedisRebalance resource_;
  Observer observer_;
  DocumentStore& documents_;
  std::unique_ptr<Journal> journal_;
  ClusterLease* lease_;
  RaisedLimits* limits_;
  RunOptions options_;
  Reporter& reporter_;
  std::stop_token stop_;
  Instant began_ = BootClock::now();

  ClusterState cluster_;
  World world_, before_;
  std::optional<SlotSizes> sizes_;
  Instant looked_;
  Millis look_cost_{0};
  bool look_again_ = true;
  ResidentEstimate resident_;

  RebalanceStatus status_;
  Notebook notebook_;
  std::vector<BatchEnd> ended_;
  std::optional<Result<std::map<Slot, std::string>>> big_keys_;
  std::optional<Error> repair_error_;
  bool repaired_ = false;
  std::optional<Error> raise_error_;
  std::optional<Result<InitialLayout>> initial_;
  bool recorded_ = false, rollback_recorded_ = false, found_record_ = false;
  std::string claimed_by_, claim_problem_;
  std::optional<Instant> waiting_for_claim_;

  Bell bell_;
  WriteGate gate_;
  std::unique_ptr<ClaimKeeper> keeper_;
  std::unique_ptr<Sampler> sampler_;
  Tally tally_;
  std::string tallied_;  // hash of its plan
  TimeZones zones_;
  MoveLog log_;
  Defrag defrag_;
  ColdKeyBook cold_;
  Executor executor_;  // last: its threads end before what they use
};

}  // namespace rebalance
