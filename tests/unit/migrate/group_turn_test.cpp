// Whose turn it is to hand over, of the groups of one pair.
#include "migrate/group_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace rebalance {
namespace {

TEST(GroupTurn, AnotherGroupWaitsForItsEnd) {
  GroupTurn turn;
  std::atomic<bool> taken = false;
  auto first = turn.take({});
  ASSERT_TRUE(first);
  std::jthread other([&] { taken = turn.take({}) != nullptr; });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(taken);
  first.reset();
  other.join();
  EXPECT_TRUE(taken);
}

// Whoever ends a group and begins the next would keep the other waiting for ever.
TEST(GroupTurn, WhoWaitsGoesFirst) {
  GroupTurn turn;
  std::atomic<bool> taken = false;
  auto held = turn.take({});
  std::jthread other([&] {
    const auto mine = turn.take({});
    taken = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  held.reset();
  held = turn.take({});
  EXPECT_TRUE(taken);
}

TEST(GroupTurn, AStopEndsTheWaitWithoutIt) {
  GroupTurn turn;
  const auto first = turn.take({});
  std::atomic<bool> ended = false, taken = false;
  std::jthread other([&](const std::stop_token& stop) {
    taken = turn.take(stop) != nullptr;
    ended = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(ended);
  other.request_stop();
  other.join();
  EXPECT_FALSE(taken);
}

// What was handed over before a stop is finished after it.
TEST(GroupTurn, AFreeOneIsTakenAfterAStopToo) {
  GroupTurn turn;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(turn.take(stop.get_token()));
}

}  // namespace
}  // namespace rebalance
