// The inside of the atomic engine; for the contract see atomic.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "migrate/atomic.h"
#include "migrate/slot_commands.h"
#include "redis/atomic_tasks.h"

namespace rebalance::atomic {

using Step = Result<std::optional<Ask>>;
using Replies = std::vector<Reply>;

// What was asked last.
enum class Stage { kLookTarget, kLookSource, kStart, kWatch, kWhy, kCancel, kSettle };

class Atomic final : public GroupEngine {
 public:
  explicit Atomic(AtomicJob job)
      : job_(std::move(job)), redis_(job_.engine == Engine::kAtomicRedis), todo_(job_.slots) {}

  Ask start() override { return *look(Millis(0)); }
  Step step(const Event& event) override;
  Progress progress() const override;
  SlotSet done() const override { return done_; }
  SlotSet left_open() const override { return running_ || (job_.adopted && !looked_) ? todo_ : SlotSet{}; }
  std::vector<SkippedSlot> skipped() const override { return {}; }

 private:
  std::optional<Ask> look(Millis wait);
  Step looked_at_target(const Replies& replies);
  Step looked_at_source(const Replies& replies);
  Status check_nodes() const;
  void adopt();
  Step not_ours(const AtomicTask& task) const;
  Step begin();
  Step started(const Replies& replies);
  Step watch(Millis wait);
  Step watched(const Replies& replies);
  Step task_failed(const AtomicTask& task);
  Step told_why(const Replies& replies);
  Step cancel(std::string why);
  Step cancelled(const Replies& replies);
  Step settle(Millis wait);
  Step settled(const Replies& replies);
  Step stop();
  Step retry(const std::string& why);
  Step troubled(const std::string& what, const std::string& text);
  Step ask(Stage stage, Ask ask);

  bool ours(const AtomicTask& task) const;
  const AtomicTask* find() const;
  Side commander() const { return redis_ ? Side::kTarget : Side::kSource; }
  void count_refused(const Reply& stats);
  Error lost() const;

  AtomicJob job_;
  const bool redis_;
  SlotSet todo_, done_;
  OwnView source_, target_;
  std::vector<AtomicTask> tasks_;  // as last told
  std::string task_;               // its id, once known
  bool begun_ = false;             // we have, or may have, started one
  bool running_ = false;           // it may go on by itself
  std::string giving_up_;          // why it was cancelled
  bool stopping_ = false, looked_ = false;
  Stage stage_ = Stage::kLookTarget;
  Ask pending_;
  int tries_ = 0;
  std::int64_t keys_ = 0, arrived_ = 0;  // of the slots; of those, on the target
  std::optional<std::int64_t> keyspace_before_, refused_before_;
  std::int64_t refused_ = 0;  // commands of the import that the target answered with an error
  Millis waited_{0};          // for the source to free what it gave
};

}  // namespace rebalance::atomic
