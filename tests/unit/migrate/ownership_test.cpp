// Whose turn it is to take slots.
#include "migrate/ownership.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace rebalance {
namespace {

TEST(Ownership, PairsToOneNodeShareItsTurn) {
  Ownership ownership;
  const Ownership::Turn first(ownership, "B");
  const Ownership::Turn second(ownership, "B");
  EXPECT_EQ(ownership.takers(), std::set<NodeId>{"B"});
}

TEST(Ownership, AnotherNodeWaitsUntilAllOfTheTurnHaveEnded) {
  Ownership ownership;
  std::atomic<bool> taken = false;
  std::jthread other;
  {
    const Ownership::Turn first(ownership, "B");
    const Ownership::Turn second(ownership, "B");
    other = std::jthread([&] {
      const Ownership::Turn turn(ownership, "C");
      taken = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_FALSE(taken);
  }
  other.join();
  EXPECT_TRUE(taken);
  EXPECT_EQ(ownership.takers(), (std::set<NodeId>{"B", "C"}));
}

// Pairs that come and go to one node would keep another one waiting for ever.
TEST(Ownership, WhoWaitsGoesBeforeWhoJoins) {
  Ownership ownership;
  std::atomic<int> order = 0, of_waiting = 0, of_joining = 0;
  std::jthread waiting, joining;
  {
    const Ownership::Turn turn(ownership, "B");
    waiting = std::jthread([&] {
      const Ownership::Turn other(ownership, "C");
      of_waiting = ++order;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    joining = std::jthread([&] {
      const Ownership::Turn again(ownership, "B");
      of_joining = ++order;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_EQ(order, 0);
  }
  waiting.join();
  joining.join();
  EXPECT_EQ(of_waiting + of_joining, 3);
}

}  // namespace
}  // namespace rebalance
