#include "kube/exchange.h"

#include <utility>

namespace rebalance {

Exchange::Put Exchange::put(std::string_view bytes, std::function<void()> when_room) {
  const std::scoped_lock lock(mutex_);
  if (given_up_) return Put::kGivenUp;
  bytes_.append(bytes);
  changed_.notify_all();
  if (bytes_.size() < room_) return Put::kTaken;
  when_room_ = std::move(when_room);
  return Put::kFull;
}

void Exchange::settle() {
  const std::scoped_lock lock(mutex_);
  settled_ = true;
  changed_.notify_all();
}

void Exchange::expect() {
  const std::scoped_lock lock(mutex_);
  settled_ = false;
}

Exchange::News Exchange::wait(Instant end, const std::stop_token& stop, bool bytes_too) {
  std::unique_lock lock(mutex_);
  const auto has_bytes = [&] { return bytes_too && !bytes_.empty(); };
  const bool came = changed_.wait_until(lock, stop, end, [&] { return settled_ || has_bytes(); });
  if (stop.stop_requested()) return News::kStopped;
  if (!came) return News::kTime;
  return has_bytes() ? News::kBytes : News::kSettled;
}

std::string Exchange::take() {
  std::string taken;
  std::function<void()> when_room;
  {
    const std::scoped_lock lock(mutex_);
    taken.swap(bytes_);
    when_room.swap(when_room_);
  }
  if (when_room) when_room();
  return taken;
}

void Exchange::give_up() {
  {
    const std::scoped_lock lock(mutex_);
    given_up_ = true;
  }
  take();
}

}  // namespace rebalance
