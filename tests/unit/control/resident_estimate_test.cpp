#include "control/resident_estimate.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

MemoryReading reading(Bytes used, Bytes rss) {
  MemoryReading memory;
  memory.used = used * kMiB;
  memory.rss = rss * kMiB;
  return memory;
}

struct Taking : testing::Test {
  Bytes rss_of(MemoryReading memory, int millis) const {
    estimate.correct("a", memory, start + Millis(millis));
    return memory.rss / kMiB;
  }
  Instant start{std::chrono::seconds(100)};
  ResidentEstimate estimate;
};

TEST_F(Taking, CountsWhatCameSinceTheServerLastSampledItsMemory) {
  estimate.begin("a", reading(50, 60));
  estimate.end("a", start);
  EXPECT_EQ(rss_of(reading(80, 60), 20), 90);
  EXPECT_EQ(rss_of(reading(80, 95), 20), 95) << "more than that is seen already";
  EXPECT_EQ(rss_of(reading(40, 60), 20), 60) << "what was freed meanwhile makes it no less";
}

TEST_F(Taking, IsNoLongerNeededOnceTheServerHasSampled) {
  estimate.begin("a", reading(50, 60));
  estimate.end("a", start);
  EXPECT_EQ(estimate.settles_in(start + Millis(20)), Millis(90));
  EXPECT_EQ(estimate.settles_in(start + Millis(110)), Millis(0));
  EXPECT_EQ(rss_of(reading(80, 60), 110), 60);
}

TEST_F(Taking, OfTwoBatchesInARowAddsUp) {
  estimate.begin("a", reading(50, 60));
  estimate.end("a", start);
  auto between = reading(80, 60);
  estimate.correct("a", between, start + Millis(10));
  estimate.begin("a", between);
  estimate.end("a", start + Millis(60));
  EXPECT_EQ(rss_of(reading(110, 60), 70), 120);
}

TEST_F(Taking, IsNothingForOthersAndWhileItLasts) {
  estimate.begin("a", reading(50, 60));
  EXPECT_EQ(rss_of(reading(80, 70), 20), 70) << "the sampler's reading will do";
  EXPECT_EQ(estimate.settles_in(start), Millis(0));
  estimate.end("b", start);
  EXPECT_EQ(estimate.settles_in(start), Millis(0));
}

}  // namespace
}  // namespace rebalance
