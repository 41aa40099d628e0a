#include "kube/exchange.h"

#include <gtest/gtest.h>

#include <thread>

namespace rebalance {
namespace {

using News = Exchange::News;
using Put = Exchange::Put;

Instant soon() { return BootClock::now() + Millis(20); }
Instant late() { return BootClock::now() + Millis(10'000); }

TEST(Exchange, BringsBytesBeforeTheEnd) {
  Exchange exchange(100);
  exchange.put("abc", [] {});
  exchange.settle();
  EXPECT_EQ(exchange.wait(late(), {}, true), News::kBytes);
  EXPECT_EQ(exchange.take(), "abc");
  EXPECT_EQ(exchange.wait(late(), {}, true), News::kSettled);
  exchange.expect();
  EXPECT_EQ(exchange.wait(soon(), {}, true), News::kTime);
}

TEST(Exchange, HoldsTheSenderBackUntilThereIsRoom) {
  Exchange exchange(4);
  int called = 0;
  EXPECT_EQ(exchange.put("abc", [&] { ++called; }), Put::kTaken);
  EXPECT_EQ(exchange.put("de", [&] { ++called; }), Put::kFull);
  EXPECT_EQ(called, 0);
  EXPECT_EQ(exchange.take(), "abcde");
  EXPECT_EQ(called, 1);
  exchange.take();
  EXPECT_EQ(called, 1);
}

TEST(Exchange, FreesTheSenderWhenItIsGivenUp) {
  Exchange exchange(1);
  bool freed = false;
  EXPECT_EQ(exchange.put("abc", [&] { freed = true; }), Put::kFull);
  exchange.give_up();
  EXPECT_TRUE(freed);
  EXPECT_EQ(exchange.put("d", [] {}), Put::kGivenUp);
}

TEST(Exchange, WakesWhoeverWaitsWhenStopIsAskedFor) {
  Exchange exchange(100);
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(exchange.wait(late(), stop.get_token(), true), News::kStopped);
}

TEST(Exchange, WakesWhoeverWaitsWithBytesOfAnotherThread) {
  Exchange exchange(100);
  const std::jthread sender([&] { exchange.put("x", [] {}); });
  EXPECT_EQ(exchange.wait(late(), {}, true), News::kBytes);
}

}  // namespace
}  // namespace rebalance
