#include "migrate/atomic.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "migrate/atomic_engine.h"
#include "migrate/classify.h"
#include "redis/parse.h"

namespace rebalance::atomic {

using namespace std::chrono_literals;

namespace {

constexpr int kMostServerTries = 3;  // of Redis by itself, each of which may fork the source
constexpr Millis kFirstWatch{10}, kLongestWatch{200};
constexpr Millis kSettleWithin{30'000}, kSettlePause{10};

Command info(const char* section) { return {"INFO", section}; }

std::int64_t keys_of(const Reply& keyspace) {
  std::int64_t keys = 0;
  const Info info(keyspace.text);
  for (int database = 0; database < 16; ++database) {
    const auto counts = info.text("db" + std::to_string(database));
    keys += whole_number<std::int64_t>(inner_field(counts, "keys")).value_or(0);
  }
  return keys;
}

Command start_command(const AtomicJob& job, const SlotSet& slots) {
  const bool redis = job.engine == Engine::kAtomicRedis;
  Command command =
      redis ? Command{"CLUSTER", "MIGRATION", "IMPORT"} : Command{"CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"};
  for (const auto& range : slots.ranges()) {
    command.push_back(std::to_string(range.first));
    command.push_back(std::to_string(range.last));
  }
  if (!redis) command.insert(command.end(), {"NODE", job.target.id});
  return command;
}

}  // namespace

// ---- looking: where a group starts, and starts again after anything unclear ----

std::optional<Ask> Atomic::look(Millis wait) {
  stage_ = Stage::kLookTarget;
  pending_ = Ask{Side::kTarget, {cluster_nodes(), list_atomic(job_.engine), info("stats"), info("keyspace")}};
  pending_.wait = wait;
  return pending_;
}

Step Atomic::looked_at_target(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("looking at " + job_.target.name, wrong->text);
  TRY(view, own_view(replies[0]));
  target_ = std::move(view);
  tasks_ = parse_atomic_tasks(replies[1]);
  count_refused(replies[2]);
  if (!keyspace_before_) keyspace_before_ = keys_of(replies[3]);
  Ask next{Side::kSource, {cluster_nodes(), list_atomic(job_.engine)}};
  for_each_slot(job_.slots, [&](Slot slot) { next.commands.push_back(count_keys(slot)); });
  return ask(Stage::kLookSource, std::move(next));
}

Step Atomic::looked_at_source(const Replies& replies) {
  if (const auto* wrong = first_error(replies))
    return troubled("looking at " + job_.source.name, wrong->text);
  TRY(view, own_view(replies[0]));
  source_ = std::move(view);
  std::ranges::move(parse_atomic_tasks(replies[1]), std::back_inserter(tasks_));
  if (!begun_) {
    keys_ = 0;
    for (std::size_t i = 2; i < replies.size(); ++i) keys_ += replies[i].integer;
  }
  const auto arrived = intersection(todo_, target_.slots);
  done_.add(arrived);
  todo_.remove(arrived);
  running_ = false;
  looked_ = true;
  if (todo_.empty()) return settle(Millis(0));
  TRY_OK(check_nodes());
  const bool known = begun_ || job_.adopted;
  if (known) adopt();
  const auto foreign =
      std::ranges::find_if(tasks_, [&](const auto& task) { return task.live && !(known && ours(task)); });
  if (!running_ && foreign != tasks_.end()) return not_ours(*foreign);
  if (running_) return stopping_ || !giving_up_.empty() ? cancel(giving_up_) : watch(Millis(0));
  if (!giving_up_.empty()) return error(ErrorCode::kConflict, giving_up_);
  return stopping_ ? Step(std::nullopt) : begin();
}

// What runs over these slots is ours; of its two ends the commander's counts.
void Atomic::adopt() {
  const auto found = std::ranges::find_if(
      tasks_, [&](const auto& task) { return task.live && task.import == redis_ && ours(task); });
  if (found == tasks_.end()) return;
  running_ = begun_ = true;
  task_ = found->id;
}

Step Atomic::not_ours(const AtomicTask& task) const {
  return error(ErrorCode::kConflict,
               fmt::format("slots {} are on their way from {} to {} by an atomic migration that is not ours "
                           "({}): wait for it, or end it",
                           task.slots.text(), task.source, task.target, task.id));
}

Status Atomic::check_nodes() const {
  if (target_.role != Role::kPrimary)
    return error(ErrorCode::kConflict, job_.target.name + " is no primary any more: it failed over");
  SlotSet elsewhere = todo_;
  elsewhere.remove(source_.slots);
  if (elsewhere.empty()) return {};
  return error(ErrorCode::kConflict, fmt::format("slots {} belong neither to {} nor to {}", elsewhere.text(),
                                                 job_.source.name, job_.target.name));
}

bool Atomic::ours(const AtomicTask& task) const {
  return task.moves(job_.source.id, job_.target.id, job_.slots);
}

// ---- the task ----

Step Atomic::begin() {
  Ask next{commander(), {start_command(job_, todo_)}};
  next.writes = next.ownership = true;
  return ask(Stage::kStart, std::move(next));
}

Step Atomic::started(const Replies& replies) {
  begun_ = true;
  const auto& reply = replies.front();
  if (reply.is_error()) {
    return troubled(fmt::format("{} will not begin to take slots {}", job_.target.name, todo_.text()),
                    reply.text);
  }
  running_ = true;
  task_ = redis_ ? reply.text : "";
  return watch(kFirstWatch);
}

Step Atomic::watch(Millis wait) {
  Ask next{commander(), {list_atomic(job_.engine), info("stats"), info("keyspace")}};
  next.wait = wait;
  return ask(Stage::kWatch, std::move(next));
}

// By its id; a job of Valkey, which gives none, is the newest over these slots.
const AtomicTask* Atomic::find() const {
  const auto found = std::ranges::find_if(tasks_, [&](const AtomicTask& task) {
    return task.import == redis_ && (task_.empty() ? ours(task) && task.slots == todo_ : task.id == task_);
  });
  return found == tasks_.end() ? nullptr : &*found;
}

Step Atomic::watched(const Replies& replies) {
  if (const auto* wrong = first_error(replies)) return troubled("watching the migration", wrong->text);
  tasks_ = parse_atomic_tasks(replies[0]);
  if (redis_) {
    count_refused(replies[1]);
    arrived_ = std::clamp<std::int64_t>(keys_of(replies[2]) - *keyspace_before_, 0, keys_);
  }
  const AtomicTask* task = find();
  if (task == nullptr) return retry("the server does not know of the migration any more");
  task_ = task->id;
  if (refused_ > 0 && task->live) return cancel(lost().message);
  switch (task->state) {
    case AtomicTask::State::kRunning:
      return watch(std::clamp(pending_.wait * 6 / 5, kFirstWatch, kLongestWatch));
    case AtomicTask::State::kDone: return look(Millis(0));
    case AtomicTask::State::kFailed: return task_failed(*task);
    case AtomicTask::State::kCancelled: return retry("the migration was cancelled: " + task->message);
  }
  return error(ErrorCode::kInternal, "an atomic migration in no state");
}

Step Atomic::task_failed(const AtomicTask& task) {
  if (task.live && task.retries < kMostServerTries) return watch(kLongestWatch);
  if (task.live) {
    return cancel(fmt::format("{} failed to take slots {} {} times; the last: {}", job_.target.name,
                              todo_.text(), task.retries + 1, task.message));
  }
  giving_up_ = task.message;
  return ask(Stage::kWhy, Ask{Side::kTarget, {list_atomic(job_.engine)}});
}

// The source of Valkey often knows only that the connection ended; the target knows why.
Step Atomic::told_why(const Replies& replies) {
  std::string why = std::exchange(giving_up_, {});
  for (const auto& task : parse_atomic_tasks(replies.front())) {
    if (task.id != task_ || task.message.empty()) continue;
    why += fmt::format("; {} says: {}", job_.target.name, task.message);
  }
  running_ = false;
  if (classify(why) == Failure::kOutOfMemory) return error(ErrorCode::kRefused, why);
  return retry(why);
}

// `why` empty: on request.
Step Atomic::cancel(std::string why) {
  giving_up_ = std::move(why);
  if (!redis_) {
    for (const auto& task : tasks_) {
      if (!task.live || task.import || ours(task)) continue;
      return error(ErrorCode::kConflict,
                   fmt::format("the migration of slots {} goes on: a cancel on {} would end that of {} too",
                               todo_.text(), job_.source.name, task.slots.text()));
    }
  }
  Ask next{commander(), {cancel_atomic(job_.engine, task_)}};
  next.writes = true;
  return ask(Stage::kCancel, std::move(next));
}

// It may have ended well in the meantime: who owns the slots decides.
Step Atomic::cancelled(const Replies& /*replies*/) { return look(kFirstWatch); }

// ---- after it ----

Step Atomic::settle(Millis wait) {
  if (refused_ > 0 && begun_) return std::unexpected(lost());
  Ask next{Side::kSource, {{"CLUSTER", "INFO"}, info("memory")}};
  next.wait = wait;
  return ask(Stage::kSettle, std::move(next));
}

// What the source frees in the background counts until it is gone.
Step Atomic::settled(const Replies& replies) {
  const Info cluster(replies[0].text), memory(replies[1].text);
  const bool busy = cluster.flag("cluster_slot_migration_active_trim_running") ||
                    memory.number("lazyfree_pending_objects") > 0;
  waited_ += kSettlePause;
  if (busy && waited_ < kSettleWithin && !stopping_) return settle(kSettlePause);
  return std::nullopt;
}

Step Atomic::stop() {
  stopping_ = true;
  if (running_ && stage_ == Stage::kWatch) return look(Millis(0));  // which cancels what it finds
  const bool unasked = stage_ == Stage::kStart || !begun_;
  return unasked || stage_ == Stage::kSettle ? Step(std::nullopt) : Step(pending_);
}

Step Atomic::retry(const std::string& why) {
  if (++tries_ > job_.attempts) {
    return error(ErrorCode::kTimeout,
                 fmt::format("moving slots {} from {} to {}: gave up after {} tries; the last: {}",
                             todo_.text(), job_.source.name, job_.target.name, tries_, why));
  }
  return look(back_off(tries_ - 1));
}

// What passes is looked at again; what does not ends the group with the server's words.
Step Atomic::troubled(const std::string& what, const std::string& text) {
  const auto meaning = classify(text);
  const bool passes = meaning == Failure::kTransient || meaning == Failure::kAtomicTask;
  if (passes) return retry(what + ": " + text);
  const bool refused = meaning == Failure::kCredentials;
  return error(refused ? ErrorCode::kRefused : ErrorCode::kConflict, what + ": " + text);
}

Step Atomic::ask(Stage stage, Ask ask) {
  stage_ = stage;
  pending_ = std::move(ask);
  return pending_;
}

// Nothing but an import makes a primary refuse what it is fed.
void Atomic::count_refused(const Reply& stats) {
  const auto now = Info(stats.text).number("unexpected_error_replies");
  if (!refused_before_) refused_before_ = now;
  refused_ = std::max<std::int64_t>(0, now - *refused_before_);
}

Error Atomic::lost() const {
  return {ErrorCode::kLost,
          fmt::format("{} refused {} commands of what arrived for slots {}: its log names them; compare the "
                      "keys of both before anything else moves",
                      job_.target.name, refused_, job_.slots.text())};
}

Step Atomic::step(const Event& event) {
  if (std::holds_alternative<StopAsked>(event)) return stop();
  if (const auto* unknown = std::get_if<OutcomeUnknown>(&event)) {
    if (stage_ == Stage::kStart) begun_ = running_ = true;
    return retry(unknown->why);
  }
  const auto& replies = std::get<Answer>(event).replies;
  if (replies.size() != pending_.commands.size())
    return error(ErrorCode::kInternal, "an answer that does not fit what was asked");
  switch (stage_) {
    case Stage::kLookTarget: return looked_at_target(replies);
    case Stage::kLookSource: return looked_at_source(replies);
    case Stage::kStart: return started(replies);
    case Stage::kWatch: return watched(replies);
    case Stage::kWhy: return told_why(replies);
    case Stage::kCancel: return cancelled(replies);
    case Stage::kSettle: return settled(replies);
  }
  return error(ErrorCode::kInternal, "an answer that nothing asked for");
}

Progress Atomic::progress() const {
  const bool whole = todo_.empty();
  const auto keys = whole ? keys_ : arrived_;
  const double share =
      keys_ == 0 ? (whole ? 1.0 : 0.0) : static_cast<double>(keys) / static_cast<double>(keys_);
  return {done_.size(), keys, static_cast<Bytes>(share * static_cast<double>(job_.bytes)), tries_};
}

}  // namespace rebalance::atomic

namespace rebalance {

std::unique_ptr<GroupEngine> make_atomic(AtomicJob job) {
  return std::make_unique<atomic::Atomic>(std::move(job));
}

Command list_atomic(Engine engine) {
  return engine == Engine::kAtomicRedis ? Command{"CLUSTER", "MIGRATION", "STATUS", "ALL"}
                                        : Command{"CLUSTER", "GETSLOTMIGRATIONS"};
}

Command cancel_atomic(Engine engine, const std::string& id) {
  return engine == Engine::kAtomicRedis ? Command{"CLUSTER", "MIGRATION", "CANCEL", "ID", id}
                                        : Command{"CLUSTER", "CANCELSLOTMIGRATIONS"};
}

}  // namespace rebalance
