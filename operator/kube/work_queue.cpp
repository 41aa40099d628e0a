#include "kube/work_queue.h"

#include <algorithm>

namespace rebalance {

void WorkQueueState::add(const std::string& key) {
  if (shutting_down_ || !dirty_.insert(key).second) return;
  if (!processing_.contains(key)) line_.push_back(key);
}

void WorkQueueState::add_at(const std::string& key, Instant due) {
  if (shutting_down_) return;
  const auto known = due_.find(key);
  if (known != due_.end()) {
    if (known->second <= due) return;
    by_time_.erase({known->second, key});
  }
  due_[key] = due;
  by_time_.emplace(due, key);
}

void WorkQueueState::admit(Instant now) {
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    const auto key = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    due_.erase(key);
    add(key);
  }
}

std::optional<std::string> WorkQueueState::get() {
  if (line_.empty()) return std::nullopt;
  auto key = std::move(line_.front());
  line_.pop_front();
  dirty_.erase(key);
  processing_.insert(key);
  return key;
}

void WorkQueueState::done(const std::string& key) {
  if (processing_.erase(key) == 0) return;
  if (dirty_.contains(key)) line_.push_back(key);
}

void WorkQueueState::shut_down() {
  shutting_down_ = true;
  due_.clear();
  by_time_.clear();
}

std::optional<Instant> WorkQueueState::next_due() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

WorkQueue::WorkQueue(Backoff backoff, Surroundings around) : backoff_(backoff), around_(std::move(around)) {}

void WorkQueue::changed() {
  ++changes_;
  condition_.notify_all();
}

void WorkQueue::add(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  state_.add(key);
  changed();
}

void WorkQueue::add_after(const std::string& key, Millis delay) {
  const std::scoped_lock lock(mutex_);
  state_.add_at(key, around_.now() + delay);
  changed();
}

void WorkQueue::add_rate_limited(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  state_.add_at(key, around_.now() + backoff_.delay(requeues_[key]++, around_.dice()));
  changed();
}

void WorkQueue::forget(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  requeues_.erase(key);
}

int WorkQueue::num_requeues(const std::string& key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = requeues_.find(key);
  return found == requeues_.end() ? 0 : found->second;
}

Millis WorkQueue::until_due() const {
  constexpr Millis kLong{3'600'000};
  const auto due = state_.next_due();
  if (!due) return kLong;
  return std::clamp(std::chrono::ceil<Millis>(*due - around_.now()), Millis(1), kLong);
}

std::optional<std::string> WorkQueue::get(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    state_.admit(around_.now());
    if (auto key = state_.get()) return key;
    if (state_.shutting_down()) return std::nullopt;
    condition_.wait_for(lock, stop, until_due(), [this, seen = changes_] { return changes_ != seen; });
  }
  return std::nullopt;
}

void WorkQueue::done(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  state_.done(key);
  changed();
}

void WorkQueue::shut_down() {
  const std::scoped_lock lock(mutex_);
  state_.shut_down();
  changed();
}

bool WorkQueue::shut_down_with_drain(Millis grace) {
  shut_down();
  std::unique_lock lock(mutex_);
  return condition_.wait_for(lock, grace, [this] { return state_.idle(); });
}

std::size_t WorkQueue::in_line() const {
  const std::scoped_lock lock(mutex_);
  return state_.in_line();
}

}  // namespace rebalance
