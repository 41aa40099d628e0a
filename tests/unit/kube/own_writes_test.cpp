#include "kube/own_writes.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(OwnWrites, ACopyFromBeforeOurWriteIsStale) {
  OwnWrites writes;
  writes.wrote("u", "1000");
  EXPECT_TRUE(writes.stale("u", "999"));
  EXPECT_FALSE(writes.stale("u", "1000"));
  EXPECT_FALSE(writes.stale("u", "1001"));
}

TEST(OwnWrites, ANamesakeWithAnotherUidIsNeverStale) {
  OwnWrites writes;
  writes.wrote("u1", "1000");
  EXPECT_FALSE(writes.stale("u2", "5"));
}

TEST(OwnWrites, VersionsThatAreNoNumbersMustBeOurOwn) {
  OwnWrites writes;
  writes.wrote("u", "x7");
  EXPECT_TRUE(writes.stale("u", "x8"));
  EXPECT_TRUE(writes.stale("u", "9"));
  EXPECT_FALSE(writes.stale("u", "x7"));
}

TEST(OwnWrites, WhatIsForgottenIsNotWaitedFor) {
  OwnWrites writes;
  writes.wrote("u", "1000");
  writes.forget("u");
  EXPECT_FALSE(writes.stale("u", "1"));
}

}  // namespace
}  // namespace rebalance
