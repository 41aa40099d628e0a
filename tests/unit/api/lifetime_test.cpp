#include "api/lifetime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using ::testing::HasSubstr;

constexpr const char* kEnd = "2026-01-01T00:00:00Z";
const auto kEndTime = parse_rfc3339(kEnd).value();

RedisRebalance kept_for(std::optional<int> seconds) {
  RedisRebalance resource;
  resource.uid = "u1";
  resource.spec.ttl_seconds_after_finished = seconds;
  return resource;
}

TEST(Lifetime, CountsFromTheEnd) {
  using std::chrono::seconds;
  EXPECT_EQ(time_left(kept_for(60), kEnd, kEndTime), Millis(60'000));
  EXPECT_EQ(time_left(kept_for(60), kEnd, kEndTime + seconds(59) + Millis(999)), Millis(1));
  EXPECT_EQ(time_left(kept_for(60), kEnd, kEndTime + seconds(60)), Millis(0));
  EXPECT_EQ(time_left(kept_for(60), kEnd, kEndTime + seconds(3600)), Millis(0));
  EXPECT_EQ(time_left(kept_for(0), kEnd, kEndTime), Millis(0));
  EXPECT_EQ(time_left(kept_for(2147483647), kEnd, kEndTime), seconds(2147483647));
}

TEST(Lifetime, IsEndlessWithoutTheFieldAndBeforeTheEnd) {
  EXPECT_EQ(time_left(kept_for(std::nullopt), kEnd, kEndTime), std::nullopt);
  EXPECT_EQ(time_left(kept_for(60), "", kEndTime), std::nullopt);
  EXPECT_EQ(time_left(kept_for(60), "yesterday", kEndTime), std::nullopt);
  EXPECT_EQ(ttl_ignored(kept_for(std::nullopt)), "");
  EXPECT_EQ(ttl_ignored(kept_for(60)), "");
}

TEST(Lifetime, IsEndlessWhereAnotherToolWouldMakeItAgain) {
  auto owned = kept_for(60);
  owned.git_owner = "Argo CD (argocd.argoproj.io/instance: shop)";
  EXPECT_EQ(time_left(owned, kEnd, kEndTime + std::chrono::hours(1)), std::nullopt);
  EXPECT_THAT(ttl_ignored(owned), HasSubstr("Argo CD (argocd.argoproj.io/instance: shop) owns this object"));
  EXPECT_THAT(ttl_ignored(owned), HasSubstr("where Argo CD has it from"));
  owned.spec.ttl_seconds_after_finished.reset();
  EXPECT_EQ(ttl_ignored(owned), "");
}

TEST(Lifetime, IsNoMatterOfAFile) {
  auto file = kept_for(60);
  file.uid.clear();
  EXPECT_THAT(ttl_ignored(file), HasSubstr("this one is a file"));
}

}  // namespace
}  // namespace rebalance
