#include "migrate/runner.h"

#include <algorithm>

#include "base/wait.h"
#include "migrate/atomic.h"
#include "migrate/key_by_key.h"
#include "migrate/live_copy.h"
#include "migrate/pair_driver.h"
#include "migrate/slot_commands.h"
#include "migrate/unstage.h"

namespace rebalance {
namespace {

using namespace std::chrono_literals;

// Keys that live copy hands over at once. WATCH costs their square and the script runs for their length: 1
// and 2 ms of the source for 500.
constexpr int kPortion = 500, kGentlePortion = 250;

// Slots that are opened and closed together, and what the journal says of them.
struct Group {
  Engine engine;
  SlotSet slots;
  bool adopted = false;  // of an earlier intent, which stays in the log until they are closed
  bool proven = false;
  bool staged = false;  // by live copy, which may have been interrupted
};

class BatchRun {
 public:
  BatchRun(const BatchJob& job, const Hooks& hooks, std::stop_token stop)
      : job_(job),
        hooks_(hooks),
        stop_(std::move(stop)),
        pair_(job.source, job.target, job.others, job.options, hooks, stop_),
        pace_(job.options.gentle ? Pace::kGentleCopyAim : Pace::kCopyAim) {}

  BatchResult run();

 private:
  Status move_all();
  Status move_groups(const std::vector<Group>& groups);
  Status find_big_keys(const SlotSet& slots);
  std::vector<Group> groups() const;
  std::vector<Group> pieces(Engine engine, const SlotSet& slots) const;
  int most_slots(Engine engine) const;
  Status clear_staged(const Group& group);
  Result<std::unique_ptr<GroupEngine>> engine_for(const Group& group);
  Status move_group(const Group& group);
  Status close_group(const Group& group, const GroupEngine& engine);
  void throttle();
  void report(const Progress& group);
  Status close_intents(const SlotSet& slots);
  Status agree();

  const BatchJob& job_;
  const Hooks& hooks_;
  std::stop_token stop_;
  PairDriver pair_;
  Pace pace_;
  std::map<Slot, Bytes> biggest_;  // of long slots: GroupJob
  BatchResult result_;
  SlotSet unfit_;   // that live copy leaves to key by key
  Progress group_;  // of the group that runs
  Instant started_ = BootClock::now();
};

BatchResult BatchRun::run() {
  auto moved = move_all();
  pair_.release();
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
  TRY_OK(pair_.connect());
  if (job_.engine == Engine::kKeyByKey) TRY_OK(find_big_keys(job_.batch.slots));
  TRY_OK(move_groups(groups()));
  if (unfit_.empty() || stop_.stop_requested()) return {};
  result_.left_to_key_by_key = true;
  TRY_OK(find_big_keys(unfit_));
  return move_groups(pieces(Engine::kKeyByKey, unfit_));
}

Status BatchRun::move_groups(const std::vector<Group>& groups) {
  for (const auto& group : groups) {
    if (stop_.stop_requested()) return {};
    TRY_OK(move_group(group));
  }
  return {};
}

// Half of what key by key refuses: the pair may turn out slower than it looks now.
Status BatchRun::find_big_keys(const SlotSet& slots) {
  const auto threshold = std::min(pace_.bytes_within(job_.options.node_timeout / 4), job_.options.key_room);
  TRY(biggest, pair_.big_keys_of_long_slots(slots, threshold));
  biggest_ = std::move(biggest);
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
    const bool proven = !intent.source_run_id.empty() && intent.source_run_id == pair_.source().run_id;
    groups.push_back({job_.engine, adopted, true, proven, intent.engine == Engine::kLiveCopy});
    fresh.remove(adopted);
  }
  std::ranges::move(pieces(job_.engine, fresh), std::back_inserter(groups));
  return groups;
}

std::vector<Group> BatchRun::pieces(Engine engine, const SlotSet& slots) const {
  std::vector<Group> pieces;
  const int most = most_slots(engine);
  SlotSet next;
  for_each_slot(slots, [&](Slot slot) {
    next.add(slot);
    if (next.size() == most) pieces.push_back({engine, std::exchange(next, {})});
  });
  if (!next.empty()) pieces.push_back({engine, next});
  return pieces;
}

// Of one group. An atomic one is the whole batch, which the memory gate has sized.
int BatchRun::most_slots(Engine engine) const {
  const int slots = std::max(1, job_.batch.slots.size());
  const auto keys = std::max<std::int64_t>(1, job_.batch.keys / slots);
  if (engine == Engine::kAtomicRedis) return slots;
  if (engine == Engine::kAtomicValkey)
    return static_cast<int>(std::clamp<std::int64_t>(kMostKeysOfAtomicValkey / keys, 1, slots));
  const Bytes mean = std::max<Bytes>(1, job_.batch.bytes / slots);
  const bool live = engine == Engine::kLiveCopy;
  const int slots_at_once = live ? job_.options.live_group_slots : job_.options.group_slots;
  const auto most =
      static_cast<int>(std::clamp<Bytes>(job_.options.group_bytes / mean, 1, std::max(1, slots_at_once)));
  return live ? static_cast<int>(std::clamp<std::int64_t>(kMostKeysOfLiveGroup / keys, 1, most)) : most;
}

Status BatchRun::move_group(const Group& group) {
  TRY_OK(hooks_.gate.may_write());
  const MoveIntent intent{group.engine,          job_.source.id,        job_.target.id,
                          pair_.source().run_id, pair_.target().run_id, group.slots};
  if (!group.adopted) TRY_OK(pair_.recorded([&] { return hooks_.intents.open(intent); }));
  if (group.staged) TRY_OK(clear_staged(group));
  TRY(engine, engine_for(group));
  auto driven = pair_.drive(*engine, [this](const Progress& progress) {
    report(progress);
    throttle();
  });
  result_.first_write = pair_.first_write();
  auto closed = close_group(group, *engine);
  return driven ? closed : driven;
}

// A key that the source has deleted since must not come back with its copy.
Status BatchRun::clear_staged(const Group& group) {
  const auto copies = group.proven ? Copies::kOfKeysThere : Copies::kEqual;
  const auto unstage =
      make_unstage({pair_.source(), pair_.target(), group.slots, copies, job_.options.attempts});
  return pair_.drive(*unstage, [](const Progress&) {});
}

Result<std::unique_ptr<GroupEngine>> BatchRun::engine_for(const Group& group) {
  if (group.engine == Engine::kLiveCopy) {
    const auto& with = job_.options;
    return make_live_copy(
        {pair_.source(), pair_.target(), group.slots, group.adopted, with.latency, with.write_pause,
         with.source_replicas, with.target_replicas, with.attempts, with.gentle ? kGentlePortion : kPortion},
        pace_);
  }
  if (is_atomic(group.engine)) {
    const Bytes mean = job_.batch.bytes / std::max(1, job_.batch.slots.size());
    return make_atomic({group.engine, pair_.source(), pair_.target(), group.slots, mean * group.slots.size(),
                        group.adopted, job_.options.attempts});
  }
  TRY(to, pair_.address());
  const auto adopted = group.adopted ? group.slots : SlotSet();
  const auto proven = group.proven ? group.slots : SlotSet();
  return make_key_by_key({pair_.source(), pair_.target(), std::move(to), group.slots, adopted, proven,
                          job_.options.node_timeout, job_.options.attempts, biggest_, job_.options.key_room},
                         pace_);
}

Status BatchRun::close_group(const Group& group, const GroupEngine& engine) {
  const auto progress = engine.progress();
  result_.done.add(engine.done());
  result_.left_open.add(engine.left_open());
  unfit_.add(engine.unfit());
  std::ranges::copy(engine.skipped(), std::back_inserter(result_.skipped));
  result_.keys += progress.keys_done;
  result_.bytes += progress.bytes_done;
  result_.retries += progress.retries;
  group_ = {};
  throttle();
  SlotSet untouched = group.slots;
  untouched.remove(engine.left_open());
  untouched.remove(engine.done());
  return close_intents(untouched);
}

Status BatchRun::close_intents(const SlotSet& slots) {
  return pair_.recorded([&] { return hooks_.intents.close(job_.source.id, job_.target.id, slots); });
}

void BatchRun::throttle() {
  if (!job_.options.max_bytes_per_second) return;
  const auto bytes = static_cast<double>(result_.bytes + group_.bytes_done);
  const double due = bytes / static_cast<double>(std::max<Bytes>(1, *job_.options.max_bytes_per_second));
  const double ahead = due - seconds_between(started_, BootClock::now());
  if (ahead > 0) wait_for(stop_, Millis(static_cast<std::int64_t>(ahead * 1000)));
}

void BatchRun::report(const Progress& group) {
  group_ = group;
  hooks_.progress.progress({job_.source.id, job_.target.id, job_.batch.index,
                            result_.done.size() + group.slots_done, job_.batch.slots.size(),
                            result_.keys + group.keys_done, result_.bytes + group.bytes_done});
}

// What was given to the target stays in the journal until all nodes agree: if a replica takes the target's
// place just then, two nodes may each take the other for the owner (seen on 7.0), and a repair has to tell
// them.
Status BatchRun::agree() {
  auto nodes = job_.others;
  nodes.push_back(job_.source);
  nodes.push_back(job_.target);
  const auto limit =
      stop_.stop_requested() ? std::min<Millis>(5s, job_.options.agreement) : job_.options.agreement;
  TRY_OK(wait_for_agreement(nodes, job_.target.id, result_.done, limit));
  result_.last_agreement = BootClock::now();
  return close_intents(result_.done);
}

}  // namespace

BatchResult run_batch(const BatchJob& job, const Hooks& hooks, std::stop_token stop) {
  return BatchRun(job, hooks, std::move(stop)).run();
}

}  // namespace rebalance
