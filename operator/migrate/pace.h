// How much one MIGRATE, one pipeline of copies or one piece of a key may carry: learned from what the pair's
// earlier ones took. Pure; not synchronised.
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
  Bytes copy_bytes() const { return copies_.bytes; }  // kMinChunk..kMaxChunk
  int copy_keys() const { return copies_.count; }
  // The same of one piece of a key.
  void observe_piece(std::int64_t elements, Bytes bytes, std::chrono::microseconds served);
  Bytes piece_bytes() const { return pieces_.bytes; }  // kMinChunk..kMaxChunk
  int piece_elements() const { return pieces_.count; }
  std::chrono::milliseconds stall(Bytes bytes) const;         // of one key of that size, as predicted
  Bytes bytes_within(std::chrono::milliseconds stall) const;  // the size that stalls so long
  // For MIGRATE's time-out argument, which is for each socket operation: generous, so that only the dead run
  // into it.
  Millis migrate_timeout(Bytes bytes) const;

  static constexpr Bytes kMinChunk = 16 * kKiB, kMaxChunk = kMiB;
  static constexpr int kMinKeys = 8, kMaxKeys = 1024, kMaxElements = 4096;

 private:
  struct Budget {
    Bytes bytes;
    int count, most;
  };
  void adapt(Budget& budget, std::int64_t count, Bytes bytes, std::chrono::microseconds served) const;
  void learn_rate(std::int64_t keys, Bytes bytes, std::chrono::microseconds elapsed);

  std::chrono::microseconds copy_aim_;
  Bytes chunk_ = 64 * kKiB;
  int keys_ = 24;
  Budget copies_{128 * kKiB, 64, kMaxKeys}, pieces_{128 * kKiB, 256, kMaxElements};
  double bytes_per_second_ =
      40e6;  // below what loopback measures (90 MB/s), so that the first guess errs on the safe side
};

}  // namespace rebalance
