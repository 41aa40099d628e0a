#include "kube/event_recorder.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace rebalance {
namespace {

const ApiResource kEvents{"events.k8s.io", "v1", "events"};
constexpr std::size_t kMostWaiting = 1000;
constexpr int kTries = 12;
constexpr Millis kSweep{60'000};
// 10 s, a quarter more or less, as client-go has it.
constexpr Millis kShortestPause{7'500};
constexpr double kPauseSpread = 5'000;

// Nobody answered: the event may yet be told. What the server answered, it will answer again.
bool worth_another_try(const ApiError& problem) { return problem.status == 0 || problem.status >= 500; }

}  // namespace

EventRecorder::EventRecorder(ApiClient& client, std::string controller, std::string instance,
                             Surroundings around)
    : client_(client),
      around_(std::move(around)),
      series_(std::move(controller), std::move(instance)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void EventRecorder::record(EventNote note) {
  const std::scoped_lock lock(mutex_);
  if (queue_.size() >= kMostWaiting) {
    ++dropped_;
    return;
  }
  queue_.push_back(std::move(note));
  condition_.notify_all();
}

bool EventRecorder::flush(Millis limit) {
  std::unique_lock lock(mutex_);
  return condition_.wait_for(lock, limit, [this] { return queue_.empty() && !busy_; });
}

void EventRecorder::run(std::stop_token stop) {
  auto swept = around_.now();
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    condition_.wait_for(lock, stop, kSweep, [this] { return !queue_.empty(); });
    if (stop.stop_requested()) return;
    std::optional<EventNote> note;
    if (!queue_.empty()) {
      note = std::move(queue_.front());
      queue_.pop_front();
    }
    busy_ = true;
    lock.unlock();
    if (note)
      if (const auto write = series_.add(*note, around_.now(), around_.wall())) send(*write, stop);
    if (around_.now() - swept >= kSweep) {
      swept = around_.now();
      for (const auto& write : series_.due(swept)) send(write, stop);
    }
    lock.lock();
    busy_ = false;
    condition_.notify_all();
  }
}

void EventRecorder::send(const EventWrite& write, std::stop_token stop) {
  for (int tries = 1; !stop.stop_requested(); ++tries) {
    const auto answer = send_once(write, stop);
    // An event that exists already is our own, whose first answer was lost.
    if (answer || answer.error().exists()) {
      ++sent_;
      told_ = false;
      return;
    }
    if (tries == kTries || !worth_another_try(answer.error())) {
      ++rejected_;
      const auto what = "an event is lost: " + answer.error().message;
      return std::exchange(told_, true) ? log_debug(what) : log_warning(what);  // the first of a row
    }
    around_.wait(stop, kShortestPause + Millis(static_cast<Millis::rep>(around_.dice() * kPauseSpread)));
  }
}

ApiResult<std::string> EventRecorder::send_once(const EventWrite& write, std::stop_token stop) {
  const auto create = [&](const std::string& body) {
    return client_.call({.method = "POST",
                         .path = api_path(kEvents, write.name_space),
                         .body = body,
                         .content_type = "application/json"},
                        stop);
  };
  if (write.kind == EventWrite::Kind::kCreate) return create(write.body);
  auto patched = client_.call({.method = "PATCH",
                               .path = api_path(kEvents, write.name_space, write.name),
                               .body = write.body,
                               .content_type = "application/strategic-merge-patch+json"},
                              stop);
  if (!patched && patched.error().not_found()) return create(write.whole);
  return patched;
}

}  // namespace rebalance
