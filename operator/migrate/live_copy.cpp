#include "migrate/live_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "migrate/classify.h"
#include "migrate/live_copy_engine.h"

namespace rebalance::live_copy {

using namespace std::chrono_literals;

Step LiveCopy::step(const Event& event) {
  if (std::holds_alternative<StopAsked>(event)) return stop();
  if (const auto* unknown = std::get_if<OutcomeUnknown>(&event)) {
    if (stage_ == Stage::kHandOver) unsure_.add(portion_.slots);
    return retry(unknown->why);
  }
  const auto& answer = std::get<Answer>(event);
  const bool fits = pending_.side == Side::kOthers ||
                    (answer.replies.size() == pending_.commands.size() &&
                     std::ranges::equal(answer.beside, pending_.beside, {}, &std::vector<Reply>::size,
                                        [](const Part& part) { return part.commands.size(); }));
  if (!fits) return error(ErrorCode::kInternal, "an answer that does not fit what was asked");
  tracked_for_ += answer.elapsed + pending_.wait;
  take_messages(answer.messages);
  return answered(answer);
}

Step LiveCopy::answered(const Answer& answer) {
  const auto& replies = answer.replies;
  switch (stage_) {
    case Stage::kIds: return got_ids(answer);
    case Stage::kFence: return fenced(answer);
    case Stage::kLook: return looked(answer);
    case Stage::kClear:
    case Stage::kLeave: return cleared(replies);
    case Stage::kList: return listed(replies);
    case Stage::kKinds: return told_kinds(replies);
    case Stage::kOpen: return opened(replies);
    case Stage::kSubscribe: return subscribed(replies);
    case Stage::kTrack: return tracked(answer);
    case Stage::kCopy:
    case Stage::kCopyLast: return copied(answer);
    case Stage::kChanges: return changed(answer);
    case Stage::kPause: return paused(replies);
    case Stage::kUnpause: return told_refused();
    case Stage::kWatch: return watched(replies);
    case Stage::kRefresh: return refreshed(answer);
    case Stage::kReady: return checked(replies);
    case Stage::kHandOver: return transacted(replies);
    case Stage::kReplicas: return own_target();
    case Stage::kOwnTarget: return owned_by_target(replies);
    case Stage::kOwnSource: return told_source(replies);
    case Stage::kOwnOthers: return end();
    case Stage::kUntrack: return giving_up_ ? Step(std::unexpected(*giving_up_)) : Step(std::nullopt);
  }
  return error(ErrorCode::kInternal, "an answer that nothing asked for");
}

Progress LiveCopy::progress() const {
  return {done_.size(), keys_, ended_ ? bytes_ : std::max(bytes_, staged_.copied()), retries_};
}

// What was handed over becomes the target's; of the rest nothing stays there.
Step LiveCopy::stop() {
  stopping_ = true;
  const bool owning =
      stage_ == Stage::kReplicas || stage_ == Stage::kOwnTarget || stage_ == Stage::kOwnSource;
  const bool ending = stage_ == Stage::kLeave || stage_ == Stage::kOwnOthers || stage_ == Stage::kUntrack;
  if (open_.empty() && !ending) return std::nullopt;
  return owning || looking() || ending ? Step(pending_) : close();
}

Step LiveCopy::ask(Stage stage, Ask ask) {
  stage_ = stage;
  pending_ = std::move(ask);
  return pending_;
}

// Everything but what the servers say is forgotten: marks that were not told, copies that were not written.
Step LiveCopy::retry(const std::string& why) {
  if (done_.size() > done_at_last_try_) tries_ = 0;
  done_at_last_try_ = done_.size();
  ++retries_;
  if (++tries_ > job_.attempts) {
    if (giving_up_) return std::unexpected(*giving_up_);
    return error(
        ErrorCode::kTimeout,
        fmt::format("moving slots {} from {} to {}: gave up after {} tries without progress; the last: {}",
                    todo_.text(), job_.source.name, job_.target.name, tries_, why));
  }
  return ids(back_off(tries_ - 1));
}

Step LiveCopy::troubled(const std::string& what, const std::string& text) {
  const auto meaning = classify(text);
  switch (meaning) {
    case Failure::kTransient:
    case Failure::kUnknown:
    case Failure::kMoved:
    case Failure::kAlreadyOwner:
    case Failure::kNotPrimary:
    case Failure::kStillHasKeys: return retry(what + ": " + text);
    default: break;
  }
  const bool refused = meaning == Failure::kCredentials || meaning == Failure::kOutOfMemory;
  return give_up({refused ? ErrorCode::kRefused : ErrorCode::kConflict,
                  fmt::format("{} failed while slots {} were copied from {} to {}: {}", what, todo_.text(),
                              job_.source.name, job_.target.name, text)});
}

// What is to be taken back is told by the servers, not by what we believe was refused. Where they cannot be
// asked, or refuse that as well, nothing is: the journal knows the slots.
Step LiveCopy::give_up(Error error) {
  const bool again = giving_up_.has_value();
  if (!again) giving_up_ = std::move(error);
  if (looking() || stage_ == Stage::kLeave || open_.empty()) return std::unexpected(*giving_up_);
  return again ? retry(giving_up_->message) : ids(0ms);
}

void LiveCopy::skip(Slot slot, std::string reason) {
  todo_.remove(slot);
  skipped_.push_back({slot, std::move(reason)});
  if (open_.contains(slot)) leaving_.add(slot);
}

}  // namespace rebalance::live_copy

namespace rebalance {

std::unique_ptr<GroupEngine> make_live_copy(LiveJob job, Pace& pace) {
  return std::make_unique<live_copy::LiveCopy>(std::move(job), pace);
}

}  // namespace rebalance
