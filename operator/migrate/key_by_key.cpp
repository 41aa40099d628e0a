#include "migrate/key_by_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "migrate/classify.h"
#include "migrate/key_by_key_engine.h"

namespace rebalance::key_by_key {

using namespace std::chrono_literals;

Step KeyByKey::step(const Event& event) {
  if (std::holds_alternative<StopAsked>(event)) return stop();
  if (const auto* unknown = std::get_if<OutcomeUnknown>(&event)) return retry(unknown->why);
  const auto& answer = std::get<Answer>(event);
  if (pending_.side != Side::kOthers && answer.replies.size() != pending_.commands.size()) {
    return error(ErrorCode::kInternal, "an answer that does not fit what was asked");
  }
  if (stopping_) since_stop_ += answer.elapsed;
  return answered(answer.replies, answer);
}

Step KeyByKey::answered(const Replies& replies, const Answer& answer) {
  switch (stage_) {
    case Stage::kLookTarget: return looked_at_target(replies);
    case Stage::kLookSource: return looked_at_source(replies);
    case Stage::kScan: return scanned(replies);
    case Stage::kOpenTarget: return opened_target(replies);
    case Stage::kCloseUnused: return closed_unused(replies);
    case Stage::kOpenSource: return opened_source(replies);
    case Stage::kList: return listed(replies);
    case Stage::kMove: return moved(answer);
    case Stage::kConfirm: return confirmed(replies);
    case Stage::kOwnTarget: return owned_by_target(replies);
    case Stage::kOwnSource: return told_source(replies);
    case Stage::kOwnOthers: return told_others();
    case Stage::kBackOutCheck: return backed_out_check(replies);
    case Stage::kBackOutSource: return backed_out_source(replies);
    case Stage::kBackOutTarget: return backed_out_target(replies);
  }
  return error(ErrorCode::kInternal, "an answer that nothing asked for");
}

// Ownership that is on its way is finished in any case; open slots if that is quick; what is not open does
// not start.
Step KeyByKey::stop() {
  stopping_ = true;
  if (open_.empty() || !looked_) return std::nullopt;
  const bool owning = stage_ >= Stage::kConfirm;
  if (owning || remaining() < kStopWithin) return pending_;
  return std::nullopt;
}

Millis KeyByKey::remaining() const {
  std::int64_t keys = 0;
  for_each_slot(open_, [&](Slot slot) {
    const auto found = work_.counts.find(slot);
    if (found != work_.counts.end()) keys += std::max<std::int64_t>(0, found->second);
  });
  const Bytes mean = drain_.keys() > 0 ? drain_.bytes() / drain_.keys() : kKiB;
  return pace_.stall(keys * (mean + kKiB)) *
         2;  // a small key costs about as much as a KiB, round trips as much again
}

// ---- asking, and asking again ----

Step KeyByKey::ask(Stage stage, Ask ask) {
  stage_ = stage;
  pending_ = std::move(ask);
  return pending_;
}

Step KeyByKey::ask_for_each(Stage stage, Side side, const SlotSet& slots, const char* state,
                            const NodeId& node, bool ownership) {
  Ask next{side, node.empty() ? setslot_stable_each(slots) : setslot_each(slots, state, node)};
  next.writes = true;
  next.ownership = ownership;
  return ask(stage, std::move(next));
}

Step KeyByKey::retry(const std::string& why) {
  if (drain_.keys() > keys_at_last_try_) tries_ = 0;
  keys_at_last_try_ = drain_.keys();
  ++retries_;
  if (++tries_ > job_.attempts) {
    return error(
        ErrorCode::kTimeout,
        fmt::format("moving slots {} from {} to {}: gave up after {} tries without progress; the last: {}",
                    todo_.text(), job_.source.name, job_.target.name, tries_, why));
  }
  return look(back_off(tries_ - 1));
}

// What passes is looked at again; what does not ends the group with the server's words.
Step KeyByKey::troubled(const std::string& what, const std::string& text) {
  switch (classify(text)) {
    case Failure::kTransient:
    case Failure::kUnknown:
    case Failure::kMoved:
    case Failure::kAlreadyOwner:
    case Failure::kAtomicTask: return retry(what + ": " + text);
    default: return failed(what, text);
  }
}

Step KeyByKey::failed(const std::string& what, const std::string& text) {
  const auto meaning = classify(text);
  const bool refused = meaning == Failure::kCredentials || meaning == Failure::kOutOfMemory;
  return error(refused ? ErrorCode::kRefused : ErrorCode::kConflict,
               fmt::format("{} failed while slots {} moved from {} to {}: {}", what, todo_.text(),
                           job_.source.name, job_.target.name, text));
}

}  // namespace rebalance::key_by_key

namespace rebalance {

std::unique_ptr<GroupEngine> make_key_by_key(GroupJob job, Pace& pace) {
  return std::make_unique<key_by_key::KeyByKey>(std::move(job), pace);
}

}  // namespace rebalance