#include "migrate/pace.h"

#include <algorithm>

namespace rebalance {
namespace {

using namespace std::chrono_literals;

// Of one pipeline of MIGRATEs. Clients wait behind it, so it is what decides their p99.9; longer ones gain
// little speed.
constexpr auto kAim = 800us;
constexpr auto kTooLong = 1600us;
// Below this a MIGRATE is mostly round trips and teaches nothing of bytes.
constexpr Bytes kTeachesRate = 128 * kKiB;

}  // namespace

void Pace::observe(std::int64_t keys, Bytes bytes, std::chrono::microseconds elapsed) {
  if (keys <= 0 || elapsed.count() <= 0) return;
  const bool filled = bytes >= chunk_ * 3 / 4 || keys >= keys_ * 3 / 4;
  if (keys > 1 && elapsed > kTooLong) {
    chunk_ = std::max(kMinChunk, chunk_ / 2);
    keys_ = std::max(kMinKeys, keys_ / 2);
  } else if (filled && elapsed < kAim) {
    chunk_ = std::min(kMaxChunk, chunk_ + chunk_ / 4);
    keys_ = std::min(kMaxKeys, keys_ + keys_ / 4);
  }
  learn_rate(keys, bytes, elapsed);
}

void Pace::observe_copies(std::int64_t keys, Bytes bytes, std::chrono::microseconds served) {
  if (keys <= 0 || served.count() <= 0) return;
  adapt(copies_, keys, bytes, served);
  learn_rate(keys, bytes, served);
}

void Pace::observe_piece(std::int64_t elements, Bytes bytes, std::chrono::microseconds served) {
  if (elements > 0 && served.count() > 0) adapt(pieces_, elements, bytes, served);
}

// By steps: a server that waited for a processor looks slow once.
void Pace::adapt(Budget& budget, std::int64_t count, Bytes bytes, std::chrono::microseconds served) const {
  const bool filled = bytes >= budget.bytes * 3 / 4 || count >= budget.count * 3 / 4;
  const double factor = std::clamp(std::chrono::duration<double>(copy_aim_) / served, 0.75, 1.25);
  if (!filled && (factor >= 1 || count == 1)) return;
  budget.bytes =
      std::clamp(static_cast<Bytes>(static_cast<double>(budget.bytes) * factor), kMinChunk, kMaxChunk);
  budget.count = std::clamp(static_cast<int>(budget.count * factor), kMinKeys, budget.most);
}

void Pace::learn_rate(std::int64_t keys, Bytes bytes, std::chrono::microseconds elapsed) {
  if (bytes < kTeachesRate || bytes / keys < 4 * kKiB) return;  // small keys cost by number, not by byte
  const double rate = static_cast<double>(bytes) / std::chrono::duration<double>(elapsed).count();
  // Bad news counts at once, good news slowly: a stall predicted too short may cost a failover.
  bytes_per_second_ =
      rate < bytes_per_second_ ? (bytes_per_second_ + rate) / 2 : bytes_per_second_ * 0.9 + rate * 0.1;
}

std::chrono::milliseconds Pace::stall(Bytes bytes) const {
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(static_cast<double>(bytes) / bytes_per_second_ * 1e3));
}

Bytes Pace::bytes_within(std::chrono::milliseconds stall) const {
  return static_cast<Bytes>(std::chrono::duration<double>(stall).count() * bytes_per_second_);
}

Millis Pace::migrate_timeout(Bytes bytes) const {
  return std::clamp<Millis>(stall(bytes) * 4 + 5s, 5s, 10min);
}

}  // namespace rebalance
