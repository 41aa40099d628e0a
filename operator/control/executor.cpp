#include "control/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/log.h"
#include "control/resident_estimate.h"
#include "redis/observe.h"

namespace rebalance {
namespace {

constexpr Millis kBetweenReadings{22};
constexpr int kMostReadings = 100;
constexpr double kSteady = 0.01;

bool steady(const MemoryReading& before, const MemoryReading& now) {
  return std::abs(static_cast<double>(now.rss - before.rss)) <= kSteady * static_cast<double>(now.rss);
}

// Reads until nothing is being freed and, unless `at_once`, RSS stands still; the last reading, or nothing
// when the node does not answer.
std::optional<MemoryReading> settled(const Member& node, bool at_once, std::stop_token stop) {
  auto connection = Connection::open(node.access);
  if (!connection) return std::nullopt;
  std::optional<MemoryReading> last, sampled;
  Instant sampled_at;
  for (int i = 0; i < kMostReadings && !stop.stop_requested(); i++) {
    const auto reading = read_memory(*connection);
    if (!reading) return last;
    last = *reading;
    if (at_once && reading->lazyfree_pending == 0) return last;
    if (!sampled || BootClock::now() - sampled_at >= kSampled) {
      if (sampled && reading->lazyfree_pending == 0 && steady(*sampled, *reading)) return last;
      sampled = reading.value();
      sampled_at = BootClock::now();
    }
    std::this_thread::sleep_for(kBetweenReadings);
  }
  return last;
}

std::optional<MemoryReading> memory_now(const Member& node) {
  auto connection = Connection::open(node.access);
  if (!connection) return std::nullopt;
  auto reading = read_memory(*connection);
  return reading ? std::optional(*std::move(reading)) : std::nullopt;
}

BatchEnd told(const BatchJob& job, const BatchResult& result) {
  BatchEnd end{job.batch, result.left_open, {}, result.error, 0, false, {}};
  for (const auto& skipped : result.skipped) {
    end.skipped.emplace(skipped.slot, skipped.reason);
    if (skipped.no_room > 0) end.no_room[skipped.slot] = skipped.no_room;
  }
  return end;
}

}  // namespace

Executor::~Executor() {
  stop_all();
  std::vector<std::jthread> threads;
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [index, run] : runs_) threads.push_back(std::move(run.thread));
    std::ranges::move(leaving_, std::back_inserter(threads));
    leaving_.clear();
  }  // the threads need the lock to end; they are joined here, after it
}

void Executor::start(BatchJob job, std::function<void(std::stop_token)> first) {
  const std::scoped_lock lock(mutex_);
  const int index = job.batch.index;
  bool alone = true;
  for (auto& [other_index, other] : runs_) {
    if (other.batch.target == job.batch.target) other.alone = alone = false;
  }
  auto& run = runs_[index];
  run.batch = job.batch;
  run.alone = alone;
  run.progress = {job.batch.source, job.batch.target, index, 0, job.batch.slots.size(), 0, 0};
  run.thread = std::jthread([this, job = std::move(job), first = std::move(first),
                             fields = LogFields::of_this_thread()](std::stop_token stop) {
    const LogFields same(fields);
    const LogFields pair("pair", fmt::format("{} -> {}", job.source.pod, job.target.pod));
    if (first) first(stop);
    work(job, stop);
  });
}

void Executor::work(const BatchJob& job, std::stop_token stop) {
  const auto began = BootClock::now();
  const auto before = memory_now(job.target);
  const BatchResult result = run_batch(job, hooks(), stop);
  BatchEnd end = told(job, result);
  std::optional<MemoryReading> after;
  {
    // MIGRATE leaves buffers that shrink afterwards. The others leave none; what RSS does not show yet is
    // estimated (resident_estimate.h).
    const bool at_once =
        is_atomic(job.engine) || (job.engine == Engine::kLiveCopy && !result.left_to_key_by_key);
    const std::jthread beside([&] { settled(job.source, at_once, stop); });
    after = settled(job.target, at_once, stop);
  }
  if (before && after) end.grown = after->used - before->used;
  {
    const std::scoped_lock lock(mutex_);
    const auto run = runs_.find(job.batch.index);
    end.measured = before && after && run->second.alone;
    finished_.push_back({std::move(end), result, seconds_between(began, BootClock::now())});
    leaving_.push_back(std::move(run->second.thread));
    runs_.erase(run);
  }
  bell_.ring();
}

void Executor::stop_all() {
  const std::scoped_lock lock(mutex_);
  for (auto& [index, run] : runs_) run.thread.request_stop();
}

std::vector<Batch> Executor::running() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Batch> batches;
  for (const auto& [index, run] : runs_) batches.push_back(run.batch);
  for (const auto& finished : finished_) batches.push_back(finished.end.batch);
  return batches;
}

std::vector<FinishedBatch> Executor::take_finished() {
  std::vector<std::jthread> ended;
  const std::scoped_lock lock(mutex_);
  ended.swap(leaving_);
  return std::exchange(finished_, {});
}

std::vector<PairProgress> Executor::progress_of_running() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PairProgress> all;
  for (const auto& [index, run] : runs_) all.push_back(run.progress);
  return all;
}

void Executor::progress(const PairProgress& progress) {
  const std::scoped_lock lock(mutex_);
  const auto run = runs_.find(progress.batch);
  if (run != runs_.end()) run->second.progress = progress;
}

}  // namespace rebalance
