#include "migrate/runner.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <mutex>
#include <span>
#include <thread>

#include "base/log.h"
#include "base/wait.h"
#include "migrate/atomic.h"
#include "migrate/groups.h"
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

// Moves one group after the other, over connections of its own and on one thread.
struct Lane {
  Lane(const BatchJob& job, const Hooks& hooks, std::stop_token stop, GroupTurn& turn)
      : pair(job.source, job.target, job.others, job.options, hooks, std::move(stop), &turn),
        pace(job.options.gentle ? Pace::kGentleCopyAim : Pace::kCopyAim) {}

  PairDriver pair;
  Pace pace;
  Progress progress;  // of the group that runs
};

class BatchRun {
 public:
  BatchRun(const BatchJob& job, const Hooks& hooks, std::stop_token stop)
      : job_(job), hooks_(hooks), stop_(std::move(stop)), lane_(job, hooks, ending_.get_token(), turn_) {}

  BatchResult run();

 private:
  Status move_all();
  Status move_groups(const std::vector<Group>& groups);
  bool may_overlap(std::span<const Group> groups) const;
  Status overlap(std::span<const Group> groups);
  Status move_in(Lane& lane, std::span<const Group>& groups);
  const Group* take(std::span<const Group>& groups);
  Status find_big_keys(const SlotSet& slots);
  Status clear_staged(Lane& lane, const Group& group);
  Result<std::unique_ptr<GroupEngine>> engine_for(Lane& lane, const Group& group);
  Status move_group(Lane& lane, const Group& group);
  Status close_group(Lane& lane, const Group& group, const GroupEngine& engine);
  void count(const GroupEngine& engine);
  Progress running() const;
  void throttle();
  void report(Lane& lane, const Progress& progress);
  Status close_intents(const SlotSet& slots);
  Status agree();

  const BatchJob& job_;
  const Hooks& hooks_;
  std::stop_token stop_;
  std::stop_source ending_;  // both lanes: on request, or with an error of one
  std::stop_callback<std::function<void()>> asked_{stop_, [this] { ending_.request_stop(); }};
  std::map<Slot, Bytes> biggest_;  // of long slots: GroupJob
  Instant started_ = BootClock::now();
  GroupTurn turn_;
  Lane lane_;
  std::optional<Lane> beside_;  // that copies while the other hands over, in turns
  std::mutex mutex_;            // of all below, of `progress` of the lanes, and of which groups are left
  BatchResult result_;
  SlotSet unfit_;  // that live copy leaves to key by key
};

BatchResult BatchRun::run() {
  auto moved = move_all();
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
  TRY_OK(lane_.pair.connect());
  if (job_.engine == Engine::kKeyByKey) TRY_OK(find_big_keys(job_.batch.slots));
  TRY_OK(move_groups(groups_of(job_, lane_.pair.source().run_id)));
  if (unfit_.empty() || stop_.stop_requested()) return {};
  result_.left_to_key_by_key = true;
  TRY_OK(find_big_keys(unfit_));
  return move_groups(pieces_of(job_, Engine::kKeyByKey, unfit_));
}

// What an earlier run left comes first, and alone.
Status BatchRun::move_groups(const std::vector<Group>& groups) {
  std::span<const Group> fresh(groups);
  auto earlier = fresh.first(static_cast<std::size_t>(std::ranges::count_if(groups, &Group::adopted)));
  fresh = fresh.subspan(earlier.size());
  TRY_OK(move_in(lane_, earlier));
  return may_overlap(fresh) ? overlap(fresh) : move_in(lane_, fresh);
}

// The memory gate has judged this batch with one key as large as may travel, in twice its size at the source
// and at the target. In it must fit what two groups hold: each the largest key that goes whole.
bool BatchRun::may_overlap(std::span<const Group> groups) const {
  if (groups.size() < 2 || groups.front().engine != Engine::kLiveCopy) return false;
  const Bytes whole = std::max(Pace::kMaxChunk, lane_.pace.bytes_within(job_.options.latency));
  return job_.options.key_room >= 2 * whole + kHeldForLiveGroup;
}

// Where the second lane cannot connect the first does it all.
Status BatchRun::overlap(std::span<const Group> groups) {
  beside_.emplace(job_, hooks_, ending_.get_token(), turn_);
  Status first, second;
  {
    const std::jthread thread([&, fields = LogFields::of_this_thread()] {
      const LogFields same(fields);
      if (beside_->pair.connect()) second = move_in(*beside_, groups);
    });
    first = move_in(lane_, groups);
  }
  return first ? second : first;
}

// With an error of one lane the other ends as on request: nothing more is handed over.
Status BatchRun::move_in(Lane& lane, std::span<const Group>& groups) {
  while (const Group* group = take(groups)) {
    auto moved = move_group(lane, *group);
    if (moved) continue;
    ending_.request_stop();
    return moved;
  }
  return {};
}

const Group* BatchRun::take(std::span<const Group>& groups) {
  const std::scoped_lock lock(mutex_);
  if (groups.empty() || ending_.stop_requested()) return nullptr;
  const Group* next = &groups.front();
  groups = groups.subspan(1);
  return next;
}

// Half of what key by key refuses: the pair may turn out slower than it looks now.
Status BatchRun::find_big_keys(const SlotSet& slots) {
  const auto threshold =
      std::min(lane_.pace.bytes_within(job_.options.node_timeout / 4), job_.options.key_room);
  TRY(biggest, lane_.pair.big_keys_of_long_slots(slots, threshold));
  biggest_ = std::move(biggest);
  return {};
}

Status BatchRun::move_group(Lane& lane, const Group& group) {
  auto& pair = lane.pair;
  TRY_OK(hooks_.gate.may_write());
  const MoveIntent intent{group.engine,         job_.source.id,       job_.target.id,
                          pair.source().run_id, pair.target().run_id, group.slots};
  if (!group.adopted) TRY_OK(pair.recorded([&] { return hooks_.intents.open(intent); }));
  if (group.staged) TRY_OK(clear_staged(lane, group));
  TRY(engine, engine_for(lane, group));
  auto driven = pair.drive(*engine, [&](const Progress& progress) {
    report(lane, progress);
    throttle();
  });
  if (!driven) ending_.request_stop();  // before the other lane has the turn
  pair.release();
  auto closed = close_group(lane, group, *engine);
  return driven ? closed : driven;
}

// A key that the source has deleted since must not come back with its copy.
Status BatchRun::clear_staged(Lane& lane, const Group& group) {
  const auto copies = group.proven ? Copies::kOfKeysThere : Copies::kEqual;
  const auto unstage =
      make_unstage({lane.pair.source(), lane.pair.target(), group.slots, copies, job_.options.attempts});
  return lane.pair.drive(*unstage, [](const Progress&) {});
}

Result<std::unique_ptr<GroupEngine>> BatchRun::engine_for(Lane& lane, const Group& group) {
  const auto source = lane.pair.source(), target = lane.pair.target();
  if (group.engine == Engine::kLiveCopy) {
    const auto& with = job_.options;
    return make_live_copy(
        {source, target, group.slots, group.adopted, with.latency, with.write_pause, with.source_replicas,
         with.target_replicas, with.attempts, with.gentle ? kGentlePortion : kPortion},
        lane.pace);
  }
  if (is_atomic(group.engine)) {
    const Bytes mean = job_.batch.bytes / std::max(1, job_.batch.slots.size());
    return make_atomic({group.engine, source, target, group.slots, mean * group.slots.size(), group.adopted,
                        job_.options.attempts});
  }
  TRY(to, lane.pair.address());
  const auto adopted = group.adopted ? group.slots : SlotSet();
  const auto proven = group.proven ? group.slots : SlotSet();
  return make_key_by_key({source, target, std::move(to), group.slots, adopted, proven,
                          job_.options.node_timeout, job_.options.attempts, biggest_, job_.options.key_room},
                         lane.pace);
}

Status BatchRun::close_group(Lane& lane, const Group& group, const GroupEngine& engine) {
  {
    const std::scoped_lock lock(mutex_);
    count(engine);
    const auto& wrote = lane.pair.first_write();
    if (wrote) result_.first_write = std::min(*wrote, result_.first_write.value_or(*wrote));
    lane.progress = {};
  }
  throttle();
  SlotSet untouched = group.slots;
  untouched.remove(engine.left_open());
  untouched.remove(engine.done());
  return close_intents(untouched);
}

void BatchRun::count(const GroupEngine& engine) {
  const auto progress = engine.progress();
  result_.done.add(engine.done());
  result_.left_open.add(engine.left_open());
  unfit_.add(engine.unfit());
  std::ranges::copy(engine.skipped(), std::back_inserter(result_.skipped));
  result_.keys += progress.keys_done;
  result_.bytes += progress.bytes_done;
  result_.retries += progress.retries;
}

Status BatchRun::close_intents(const SlotSet& slots) {
  return lane_.pair.recorded([&] { return hooks_.intents.close(job_.source.id, job_.target.id, slots); });
}

// Of both lanes.
Progress BatchRun::running() const {
  auto sum = lane_.progress;
  if (!beside_) return sum;
  sum.slots_done += beside_->progress.slots_done;
  sum.keys_done += beside_->progress.keys_done;
  sum.bytes_done += beside_->progress.bytes_done;
  return sum;
}

void BatchRun::throttle() {
  if (!job_.options.max_bytes_per_second) return;
  std::unique_lock lock(mutex_);
  const auto bytes = static_cast<double>(result_.bytes + running().bytes_done);
  lock.unlock();
  const double due = bytes / static_cast<double>(std::max<Bytes>(1, *job_.options.max_bytes_per_second));
  const double ahead = due - seconds_between(started_, BootClock::now());
  if (ahead > 0) wait_for(ending_.get_token(), Millis(static_cast<std::int64_t>(ahead * 1000)));
}

void BatchRun::report(Lane& lane, const Progress& progress) {
  const std::scoped_lock lock(mutex_);
  lane.progress = progress;
  const auto now = running();
  hooks_.progress.progress({job_.source.id, job_.target.id, job_.batch.index,
                            result_.done.size() + now.slots_done, job_.batch.slots.size(),
                            result_.keys + now.keys_done, result_.bytes + now.bytes_done});
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
