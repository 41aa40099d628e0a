// How much one MIGRATE, or one pipeline of copies, may carry: learned from what the pair's earlier ones took.
// Pure; not synchronised.
//
// The source serves nobody while a MIGRATE runs, so each should take a millisecond; a single key cannot
// be divided, so its stall is predicted from the byte rate instead. Copies are timed by the servers' own
// clocks: what clients wait for is the servers' time, however long the way to them is.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "base/quantity.h"

namespace rebalance {

class Pace {
 public:
  // Of one pipeline of copies, by the server's clock.
  static constexpr std::chrono::microseconds kCopyAim{1000}, kGentleCopyAim{500};
  explicit Pace(std::chrono::microseconds copy_aim = kCopyAim) : copy_aim_(copy_aim) {}

  // One MIGRATE of `keys` keys and `bytes` bytes (MEMORY USAGE) took `elapsed`.
  void observe(std::int64_t keys, Bytes bytes, std::chrono::microseconds elapsed);
  Bytes chunk_bytes() const { return chunk_; }  // kMinChunk..kMaxChunk
  int chunk_keys() const { return keys_; }
  // One pipeline of copies kept the slower of both servers for `served`, other clients' commands among it.
  void observe_copies(std::int64_t keys, Bytes bytes, std::chrono::microseconds served);
  Bytes copy_bytes() const { return copy_; }  // kMinChunk..kMaxChunk
  int copy_keys() const { return copy_keys_; }
  std::chrono::milliseconds stall(Bytes bytes) const;         // of one key of that size, as predicted
  Bytes bytes_within(std::chrono::milliseconds stall) const;  // the size that stalls so long
  // For MIGRATE's time-out argument, which is for each socket operation: generous, so that only the dead run
  // into it.
  Millis migrate_timeout(Bytes bytes) const;

  static constexpr Bytes kMinChunk = 16 * kKiB, kMaxChunk = kMiB;
  static constexpr int kMinKeys = 8, kMaxKeys = 1024;

 private:
  void learn_rate(std::int64_t keys, Bytes bytes, std::chrono::microseconds elapsed);

  std::chrono::microseconds copy_aim_;
  Bytes chunk_ = 64 * kKiB, copy_ = 128 * kKiB;
  int keys_ = 24, copy_keys_ = 64;
  double bytes_per_second_ =
      40e6;  // below what loopback measures (90 MB/s), so that the first guess errs on the safe side
};

}  // namespace rebalance
