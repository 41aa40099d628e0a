// Keys that nobody used for long: counted and deleted on a real server. RESTORE makes them as old as is
// wanted.
#include "redis/cold_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "redis_support.h"

namespace rebalance {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

constexpr int kIdle = 1000;
constexpr const char* kTag = "{tag}";  // all keys are in its slot
constexpr Slot kSlot = 8338;

// One primary with all slots, and keys of one of them.
class ColdKeys : public testing::TestWithParam<rig::ServerVersion> {
 protected:
  void start(const std::string& acl = "") {
    rig::ClusterOptions options{.primaries = 1};
    options.server.debug = true;
    if (!acl.empty())
      options.server.user = "rebalance", options.server.password = "s3cret", options.server.acl = acl;
    cluster_ = std::make_unique<rig::TestCluster>(GetParam(), options);
    connection_ = Connection::open(options_to(cluster_->node(0).client_endpoint())).value();
    admin_ = cluster_->node(0).connect();
  }
  static std::string name(int i) { return kTag + std::to_string(i); }

  // `cold` keys that are idle for longer than asked for, then `warm` ones.
  void write(int cold, int warm) {
    admin_->must({"SET", name(0), "value"});
    const auto payload = admin_->must({"DUMP", name(0)}).text;
    for (int i = 0; i < cold + warm; ++i) {
      const auto idle = std::to_string(i < cold ? kIdle + 5 : kIdle - 5);
      admin_->send({"RESTORE", name(i), "0", payload, "REPLACE", "IDLETIME", idle});
    }
    for (int i = 0; i < cold + warm; ++i) ASSERT_FALSE(admin_->receive().is_error());
  }
  std::int64_t keys() { return admin_->must({"DBSIZE"}).integer; }

  std::unique_ptr<rig::TestCluster> cluster_;
  std::optional<Connection> connection_;
  std::optional<rig::Client> admin_;
};
INSTANTIATE_TEST_SUITE_P(Versions, ColdKeys, testing::ValuesIn(rig::installed_versions()),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

// What need not be shown on every version.
class ColdKeysOnce : public ColdKeys {};
INSTANTIATE_TEST_SUITE_P(Versions, ColdKeysOnce, testing::Values(rig::version_named("r70")),
                         rig::version_name<testing::TestParamInfo<rig::ServerVersion>>);

Status always() { return {}; }

TEST_P(ColdKeys, AreCountedAndThatIsNoUse) {
  start();
  write(30, 70);
  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> names;
    ColdCount count;
    ColdSearch search{.idle_seconds = kIdle, .every_key = true};
    search.found = [&](const auto& keys, std::int64_t& /*deleted*/) {
      names.insert(names.end(), keys.begin(), keys.end());
      return Status{};
    };
    ASSERT_TRUE(count_cold_keys(*connection_, SlotSet::of({kSlot, 1}), search, count));
    EXPECT_EQ(count.keys, 100);
    EXPECT_EQ(count.looked_at, 100);
    EXPECT_EQ(count.cold, 30);
    EXPECT_GT(count.bytes, 30 * 20);
    EXPECT_EQ(count.deleted, 0);
    std::vector<std::string> expected;
    for (int key = 0; key < 30; ++key) expected.push_back(name(key));
    EXPECT_THAT(names, UnorderedElementsAreArray(expected));
  }
}

// Keys of all slots, the older half of them cold: many servers list a slot by age.
TEST_P(ColdKeysOnce, BySampleAreAnEstimateThatAgeDoesNotBias) {
  start();
  admin_->must({"SET", "key", "value"});
  const auto payload = admin_->must({"DUMP", "key"}).text;
  constexpr int kKeys = 40'000;
  for (int i = 0; i < kKeys; ++i)
    admin_->send({"RESTORE", std::to_string(i), "0", payload, "REPLACE", "IDLETIME",
                  std::to_string(i < kKeys / 2 ? kIdle + 5 : 0)});
  for (int i = 0; i < kKeys; ++i) ASSERT_FALSE(admin_->receive().is_error());
  ColdCount count;
  ASSERT_TRUE(
      count_cold_keys(*connection_, SlotSet::parse("0-16383").value(), {.idle_seconds = kIdle}, count));
  EXPECT_EQ(count.keys, kKeys + 1);
  EXPECT_NEAR(static_cast<double>(count.looked_at), 4000, 500);
  EXPECT_NEAR(static_cast<double>(count.cold), kKeys / 2, kKeys / 20);
}

TEST_P(ColdKeysOnce, OfASlotThatIsTooLargeToListAreFoundByScan) {
  start();
  write(2000, 4000);
  ColdCount count;
  ASSERT_TRUE(
      count_cold_keys(*connection_, SlotSet::of({kSlot}), {.idle_seconds = kIdle, .every_key = true}, count));
  EXPECT_GE(count.looked_at, 6000);
  EXPECT_GE(count.cold, 2000);
  EXPECT_LE(count.cold, 2100);
}

TEST_P(ColdKeysOnce, WhatHadExpiredIsCountedByItself) {
  start();
  write(10, 10);
  admin_->must({"DEBUG", "SET-ACTIVE-EXPIRE", "0"});
  admin_->must({"PEXPIRE", name(0), "1"});
  admin_->must({"PEXPIRE", name(19), "1"});
  std::this_thread::sleep_for(Millis(20));
  ColdCount count;
  ASSERT_TRUE(
      count_cold_keys(*connection_, SlotSet::of({kSlot}), {.idle_seconds = kIdle, .every_key = true}, count));
  EXPECT_EQ(count.expired, 2);
  EXPECT_EQ(count.cold, 9);
}

TEST_P(ColdKeys, AreUnlinkedButNotOneThatWasUsedMeanwhile) {
  start();
  write(250, 50);
  ColdCount count;
  ColdSearch search{.idle_seconds = kIdle, .every_key = true};
  search.found = [&](const std::vector<std::string>& names, std::int64_t& deleted) {
    admin_->must({"GET", name(7)});  // a client comes between
    return unlink_if_idle(*connection_, names, kIdle, always, deleted);
  };
  ASSERT_TRUE(count_cold_keys(*connection_, SlotSet::of({kSlot}), search, count));
  EXPECT_EQ(count.cold, 250);
  EXPECT_EQ(count.deleted, 249);
  EXPECT_EQ(keys(), 51);
  EXPECT_EQ(admin_->must({"GET", name(7)}).text, "value");
  for (int i = 250; i < 300; ++i) EXPECT_EQ(admin_->must({"EXISTS", name(i)}).integer, 1);
}

TEST_P(ColdKeysOnce, AreNotTouchedWhereNothingMayBeWritten) {
  start();
  write(20, 0);
  std::int64_t deleted = 0;
  const auto refused = unlink_if_idle(
      *connection_, {name(0)}, kIdle, [] { return Status(error(ErrorCode::kConflict, "no")); }, deleted);
  EXPECT_FALSE(refused);
  EXPECT_EQ(keys(), 20);
}

TEST_P(ColdKeys, AreUnknownUnderAnLfuPolicyAndWithoutTheRight) {
  start(GetParam().at_least(6, 2) ? "~* &* +@all -object" : "~* +@all -object");
  write(20, 0);
  ColdCount count;
  const auto denied = count_cold_keys(*connection_, SlotSet::of({kSlot}), {.idle_seconds = kIdle}, count);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kRefused);
  EXPECT_THAT(denied.error().message, HasSubstr("NOPERM"));

  admin_->must({"ACL", "SETUSER", "rebalance", "+object"});
  admin_->must({"CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"});
  const auto lfu = count_cold_keys(*connection_, SlotSet::of({kSlot}), {.idle_seconds = kIdle}, count);
  ASSERT_FALSE(lfu);
  EXPECT_EQ(lfu.error().code, ErrorCode::kRefused);
  EXPECT_THAT(lfu.error().message, HasSubstr("LFU"));
  std::int64_t deleted = 0;
  EXPECT_FALSE(unlink_if_idle(*connection_, {name(0)}, kIdle, always, deleted));
  EXPECT_EQ(keys(), 20);
}

}  // namespace
}  // namespace rebalance
