#include "migrate/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "migrate/key_by_key.h"
#include "migrate/node_link.h"
#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

// Slots that are opened and closed together, and what the journal says of them.
struct Group {
  SlotSet slots;
  bool adopted = false;  // of an earlier intent, which stays in the log until they are closed
  bool proven = false;
};

class BatchRun {
 public:
  BatchRun(const BatchJob& job, const Hooks& hooks, std::stop_token stop)
      : job_(job),
        hooks_(hooks),
        stop_(std::move(stop)),
        source_(job.source, job.options.attempts),
        target_(job.target, job.options.attempts),
        ownership_(hooks.ownership, std::defer_lock) {
    for (const auto& other : job.others) {
      if (other.role == Role::kPrimary) others_.emplace_back(other, 1);
    }
  }

  BatchResult run();

 private:
  Status move_all();
  std::vector<Group> groups() const;
  Result<MigrateAddress> address();
  Status move_group(const Group& group);
  Status drive(GroupEngine& engine);
  Result<Event> perform(const Ask& ask);
  void tell_others(const Ask& ask);
  void hold_ownership(bool wanted);
  Status close_group(const Group& group, const GroupEngine& engine);
  void throttle();
  void report(const Progress& group);
  Status agree();

  const BatchJob& job_;
  const Hooks& hooks_;
  std::stop_token stop_;
  NodeLink source_, target_;
  std::vector<NodeLink> others_;
  std::unique_lock<std::mutex> ownership_;
  Pace pace_;
  BatchResult result_;
  Progress group_;  // of the group that runs
  Instant started_ = BootClock::now();
};

BatchResult BatchRun::run() {
  auto moved = move_all();
  hold_ownership(false);
  if (moved && stop_.stop_requested() &&
      result_.done.size() + static_cast<int>(result_.skipped.size()) < job_.batch.slots.size()) {
    moved = error(ErrorCode::kStopped, "stopped on request");
  }
  if (!moved) result_.error = std::move(moved).error();
  if (!result_.done.empty() && (!result_.error || result_.error->code == ErrorCode::kStopped)) {
    if (auto agreed = agree(); !agreed) result_.error = std::move(agreed).error();
  }
  return std::move(result_);
}

Status BatchRun::move_all() {
  TRY_OK(source_.connect(stop_));
  TRY_OK(target_.connect(stop_));
  for (const auto& group : groups()) {
    if (stop_.stop_requested()) return {};
    TRY_OK(move_group(group));
  }
  return {};
}

// What an earlier run left open first; the rest in pieces of bounded slots and bytes.
std::vector<Group> BatchRun::groups() const {
  std::vector<Group> groups;
  SlotSet fresh = job_.batch.slots;
  for (const auto& intent : job_.earlier) {
    if (intent.source != job_.source.id || intent.target != job_.target.id) continue;
    const auto adopted = intersection(fresh, intent.slots);
    if (adopted.empty()) continue;
    groups.push_back(
        {adopted, true, !intent.source_run_id.empty() && intent.source_run_id == source_.run_id()});
    fresh.remove(adopted);
  }
  const Bytes mean = std::max<Bytes>(1, job_.batch.bytes / std::max(1, job_.batch.slots.size()));
  const auto most = static_cast<int>(
      std::clamp<Bytes>(job_.options.group_bytes / mean, 1, std::max(1, job_.options.group_slots)));
  SlotSet next;
  for_each_slot(fresh, [&](Slot slot) {
    add_slot(next, slot);
    if (next.size() == most) groups.push_back({std::exchange(next, {})});
  });
  if (!next.empty()) groups.push_back({next});
  return groups;
}

// MIGRATE uses TLS exactly when the source says tls-cluster yes, whatever we came by.
Result<MigrateAddress> BatchRun::address() {
  const auto& access = job_.target.access;
  MigrateAddress address{access.endpoint.host, access.endpoint.port, {}, {}};
  if (!access.access) return address;
  TRY(credentials, access.access());
  address.user = credentials.username;
  address.password = credentials.password;
  if (!credentials.tls) return address;
  const std::vector<Command> transport{{"CONFIG", "GET", "tls-cluster"}}, port{{"CONFIG", "GET", "port"}};
  TRY(answers, source_.send(transport, 5s));
  if (answers.front().items.size() != 2 || answers.front().items[1].text != "no") return address;
  TRY(ports, target_.send(port, 5s));
  if (ports.front().items.size() == 2) address.port = std::stoi(ports.front().items[1].text);
  return address;
}

Status BatchRun::move_group(const Group& group) {
  TRY_OK(hooks_.gate.may_write());
  if (!group.adopted) {
    TRY_OK(hooks_.intents.open({Engine::kKeyByKey, job_.source.id, job_.target.id, source_.run_id(),
                                target_.run_id(), group.slots}));
  }
  TRY(to, address());
  GroupJob job{{job_.source.id, job_.source.pod, source_.run_id()},
               {job_.target.id, job_.target.pod, target_.run_id()},
               std::move(to),
               group.slots,
               group.adopted ? group.slots : SlotSet(),
               group.proven ? group.slots : SlotSet(),
               job_.options.node_timeout,
               job_.options.attempts};
  const auto engine = make_key_by_key(std::move(job), pace_);
  auto driven = drive(*engine);
  auto closed = close_group(group, *engine);
  return driven ? closed : driven;
}

// Asks, answers, asks again, until the engine has no more to ask.
Status BatchRun::drive(GroupEngine& engine) {
  bool told_to_stop = false;
  Result<std::optional<Ask>> next = engine.start();
  while (next && *next) {
    if (stop_.stop_requested() && !std::exchange(told_to_stop, true)) {
      next = engine.step(StopAsked{});
      continue;
    }
    TRY(event, perform(**next));
    next = engine.step(event);
    report(engine.progress());
    throttle();
  }
  return next ? Status{} : std::unexpected(next.error());
}

Result<Event> BatchRun::perform(const Ask& ask) {
  pause_for(ask.wait, stop_);
  hold_ownership(ask.ownership);
  if (ask.writes) {
    TRY_OK(hooks_.gate.may_write());
    if (!result_.first_write) result_.first_write = BootClock::now();
  }
  if (ask.side == Side::kOthers) {
    tell_others(ask);
    return Answer{};
  }
  auto& link = ask.side == Side::kSource ? source_ : target_;
  const Instant sent = BootClock::now();
  auto replies = link.send(ask.commands, ask.timeout);
  if (replies)
    return Answer{std::move(*replies),
                  std::chrono::duration_cast<std::chrono::microseconds>(BootClock::now() - sent)};
  log_warning(fmt::format("connecting again: {}", replies.error().message));
  TRY_OK(link.connect(stop_));
  return OutcomeUnknown{replies.error().message};
}

// Only shortens redirects: gossip would tell them. One that cannot be reached is left to gossip for the rest
// of the batch.
void BatchRun::tell_others(const Ask& ask) {
  std::erase_if(others_, [&](NodeLink& link) {
    if (!link.connected() && !link.connect(stop_)) return true;
    return !link.send(ask.commands, 2s);
  });
}

void BatchRun::hold_ownership(bool wanted) {
  if (wanted && !ownership_.owns_lock()) ownership_.lock();
  if (!wanted && ownership_.owns_lock()) ownership_.unlock();
}

Status BatchRun::close_group(const Group& group, const GroupEngine& engine) {
  const auto progress = engine.progress();
  result_.done.add(engine.done());
  result_.left_open.add(engine.left_open());
  std::ranges::copy(engine.skipped(), std::back_inserter(result_.skipped));
  result_.keys += progress.keys_done;
  result_.bytes += progress.bytes_done;
  result_.retries += progress.retries;
  group_ = {};
  SlotSet closed = group.slots;
  closed.remove(engine.left_open());
  return hooks_.intents.close(job_.source.id, job_.target.id, closed);
}

void BatchRun::throttle() {
  if (!job_.options.max_bytes_per_second) return;
  const auto bytes = static_cast<double>(result_.bytes + group_.bytes_done);
  const double due = bytes / static_cast<double>(std::max<Bytes>(1, *job_.options.max_bytes_per_second));
  const double ahead = due - seconds_between(started_, BootClock::now());
  if (ahead > 0) pause_for(Millis(static_cast<std::int64_t>(ahead * 1000)), stop_);
}

void BatchRun::report(const Progress& group) {
  group_ = group;
  hooks_.progress.progress({job_.source.id, job_.target.id, job_.batch.index,
                            result_.done.size() + group.slots_done, job_.batch.slots.size(),
                            result_.keys + group.keys_done, result_.bytes + group.bytes_done});
}

Status BatchRun::agree() {
  auto nodes = job_.others;
  nodes.push_back(job_.source);
  nodes.push_back(job_.target);
  const auto limit =
      stop_.stop_requested() ? std::min<Millis>(5s, job_.options.agreement) : job_.options.agreement;
  TRY_OK(wait_for_agreement(nodes, job_.target.id, result_.done, limit));
  result_.last_agreement = BootClock::now();
  return {};
}

}  // namespace

BatchResult run_batch(const BatchJob& job, const Hooks& hooks, std::stop_token stop) {
  return BatchRun(job, hooks, std::move(stop)).run();
}

}  // namespace rebalance
