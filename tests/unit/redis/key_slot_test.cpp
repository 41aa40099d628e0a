#include "redis/key_slot.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(KeySlot, IsWhatServersSay) {  // CLUSTER KEYSLOT
  EXPECT_EQ(key_slot("123456789"), 12739);
  EXPECT_EQ(key_slot("foo"), 12182);
  EXPECT_EQ(key_slot("bar"), 5061);
  EXPECT_EQ(key_slot(""), 0);
}

TEST(KeySlot, TakesTheFirstTagThatHoldsSomething) {
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
  EXPECT_EQ(key_slot("foo{bar}{zap}"), key_slot("bar"));
  EXPECT_EQ(key_slot("foo{{bar}}zap"), key_slot("{bar"));
  EXPECT_NE(key_slot("foo{}{bar}"), key_slot("bar"));
}

}  // namespace
}  // namespace rebalance
