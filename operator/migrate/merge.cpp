#include "migrate/merge.h"

#include <fmt/format.h>

#include <algorithm>

#include "migrate/classify.h"
#include "migrate/drain.h"
#include "migrate/key_list.h"
#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;
using Step = Result<std::optional<Ask>>;

class Merge final : public GroupEngine {
 public:
  Merge(GroupJob job, Pace& pace)
      : job_(std::move(job)), keys_(true), drain_(job_, pace, true), open_(job_.slots) {
    keys_.expect_expiries(true);
  }

  Ask start() override { return open(0ms); }
  Step step(const Event& event) override;
  Progress progress() const override { return {done_.size(), drain_.keys(), drain_.bytes(), tries_}; }
  SlotSet done() const override { return done_; }
  SlotSet left_open() const override { return open_; }
  std::vector<SkippedSlot> skipped() const override { return {}; }

 private:
  enum class Stage { kOpen, kList, kMove, kClose };
  Ask open(Millis wait);
  Step opened(const Answer& answer);
  Step work_on();
  Step close();
  Step retry(const std::string& text);

  GroupJob job_;
  KeyList keys_;
  Drain drain_;
  SlotSet open_, done_;
  Stage stage_ = Stage::kOpen;
  int tries_ = 0;
};

Step Merge::step(const Event& event) {
  if (std::holds_alternative<StopAsked>(event)) return std::nullopt;
  if (const auto* unknown = std::get_if<OutcomeUnknown>(&event)) return retry(unknown->why);
  const auto& answer = std::get<Answer>(event);
  if (stage_ == Stage::kMove) {
    const auto trouble = drain_.take(answer);
    if (!trouble) return work_on();
    if (trouble->meaning == Failure::kBusyKey) return error(ErrorCode::kConflict, trouble->text);
    return retry(trouble->text);
  }
  if (const auto* wrong = first_error(answer.replies)) return retry(wrong->text);
  if (stage_ == Stage::kList) {
    TRY_OK(keys_.take(answer.replies));
    if (auto next = keys_.next()) return next;
    drain_.add(keys_.found());
    return work_on();
  }
  if (stage_ == Stage::kOpen) return opened(answer);
  done_ = open_;
  open_ = {};
  return std::nullopt;
}

// The owner is named here first: gossip tells a node nothing of a slot that it marks importing, and one that
// knows no owner refuses every command on its keys.
Ask Merge::open(Millis wait) {
  drain_.forget();
  stage_ = Stage::kOpen;
  Ask ask{Side::kSource, {}};
  for_each_slot(open_, [&](Slot slot) {
    ask.commands.push_back(setslot(slot, "NODE", job_.target.id));
    ask.commands.push_back(setslot(slot, "IMPORTING", job_.target.id));
    ask.commands.push_back(count_keys(slot));
  });
  ask.writes = true;
  ask.wait = wait;
  return ask;
}

Step Merge::opened(const Answer& answer) {
  std::map<Slot, std::int64_t> counts;
  std::size_t next = 2;
  for_each_slot(open_, [&](Slot slot) {
    if (answer.replies[next].integer > 0) counts[slot] = answer.replies[next].integer;
    next += 3;
  });
  if (counts.empty()) return close();
  keys_.start(counts);
  stage_ = Stage::kList;
  return *keys_.next();
}

// All that was listed has moved: count again.
Step Merge::work_on() {
  stage_ = Stage::kMove;
  if (auto next = drain_.next()) return next;
  return open(0ms);
}

Step Merge::close() {
  stage_ = Stage::kClose;
  Ask ask{Side::kSource, setslot_stable_each(open_)};
  ask.writes = true;
  return ask;
}

// kMoved: an owner was named a moment ago, and the source has not heard of it yet ("CLUSTERDOWN Hash slot not
// served").
Step Merge::retry(const std::string& text) {
  const auto meaning = classify(text);
  const bool passes = meaning == Failure::kTransient || meaning == Failure::kUnknown ||
                      meaning == Failure::kAtomicTask || meaning == Failure::kMoved;
  if (passes && ++tries_ <= job_.attempts) return open(back_off(tries_));
  return error(ErrorCode::kConflict,
               fmt::format("bringing keys of slots {} from {} to their owner {}: {}", job_.slots.text(),
                           job_.source.name, job_.target.name, text));
}

}  // namespace

std::unique_ptr<GroupEngine> make_merge(GroupJob job, Pace& pace) {
  return std::make_unique<Merge>(std::move(job), pace);
}

}  // namespace rebalance
