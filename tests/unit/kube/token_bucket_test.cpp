#include "kube/token_bucket.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

class TokenBucketTest : public ::testing::Test {
 protected:
  Instant at(int millis) const { return start_ + Millis(millis); }
  void empty() {
    for (int i = 0; i < 4; ++i) ASSERT_EQ(bucket_.take(at(0)), Millis(0));
  }
  TokenBucket bucket_{20, 4};
  Instant start_ = BootClock::now();
};

TEST_F(TokenBucketTest, LetsABurstGoAtOnceAndThenOneInFiftyMilliseconds) {
  empty();
  EXPECT_EQ(bucket_.take(at(0)), Millis(50));
  EXPECT_EQ(bucket_.take(at(0)), Millis(100));
  EXPECT_EQ(bucket_.take(at(100)), Millis(50));
}

TEST_F(TokenBucketTest, NeverSavesUpMoreThanABurst) {
  empty();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(bucket_.take(at(3'600'000)), Millis(0));
  EXPECT_EQ(bucket_.take(at(3'600'000)), Millis(50));
}

TEST_F(TokenBucketTest, ATokenGivenBackIsTheNextOnes) {
  empty();
  EXPECT_EQ(bucket_.take(at(0)), Millis(50));
  bucket_.give_back();
  EXPECT_EQ(bucket_.take(at(0)), Millis(50));
}

TEST_F(TokenBucketTest, AClockThatStandsStillGivesNothing) {
  empty();
  bucket_.take(at(0));
  EXPECT_EQ(bucket_.take(at(0)), Millis(100));
}

}  // namespace
}  // namespace rebalance
