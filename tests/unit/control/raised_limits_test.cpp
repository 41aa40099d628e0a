// What is on record of raised limits, and what is asked of the API server, in which order.
#include "control/raised_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../kube/scripted_transport.h"

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Papers : public DocumentStore {
 public:
  Status put(std::string_view name, std::string_view text) override {
    if (refuses) return error(ErrorCode::kUnavailable, "away");
    kept[std::string(name)] = text;
    return {};
  }
  Result<std::optional<std::string>> get(std::string_view name) override {
    const auto found = kept.find(std::string(name));
    return found == kept.end() ? std::nullopt : std::optional(found->second);
  }
  Status remove(std::string_view name) override {
    kept.erase(std::string(name));
    return {};
  }
  const std::string& path() const override { return path_; }

  std::map<std::string, std::string> kept;
  bool refuses = false;

 private:
  std::string path_ = "papers";
};

class Told : public Reporter {
 public:
  void plan(const Plan&, const World&) override {}
  void view(const RunView&) override {}
  void event(const std::string& reason, const std::string& message) override {
    reasons.push_back(reason);
    last = message;
  }
  void raised(const std::vector<LimitRaise>& limits) override { shown = limits; }
  void summary(const Summary&) override {}

  std::vector<std::string> reasons;
  std::string last;
  std::vector<LimitRaise> shown;
};

class RaisedLimitsTest : public testing::Test {
 protected:
  RaisedLimitsTest() {
    PodState pod;
    pod.name = "redis-0";
    pod.pod_namespace = "shop";
    pod.container = "redis";
    pod.uid = "uid-0";
    pod.resize.wanted = pod.resize.actual = 100 * kMiB;
    pods.push_back(pod);
    WorldNode node;
    node.pod = "redis-0";
    node.memory.rss = 50 * kMiB;
    world.nodes.push_back(node);
    server->put(kPath, {});
    server->on_request = [this] { on_record = papers.kept.contains(kLimits); };
  }
  std::unique_ptr<RaisedLimits> open() { return RaisedLimits::open(papers, client).value(); }
  void set(Bytes wanted, Bytes actual) {
    pods[0].resize.wanted = wanted;
    pods[0].resize.actual = actual;
  }

  static constexpr auto kPath = "/api/v1/namespaces/shop/pods/redis-0/resize";
  const std::vector<LimitRaise> raise{{"redis-0", 100 * kMiB, 128 * kMiB, "", ""}};
  std::vector<PodState> pods;
  World world;
  Papers papers;
  Told told;
  bool on_record = false;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
};

TEST_F(RaisedLimitsTest, TheOldLimitIsOnRecordBeforeTheNewOneIsAskedFor) {
  const auto limits = open();
  ASSERT_TRUE(limits->raise(raise, pods, told));
  EXPECT_TRUE(on_record);
  const LimitRaise known{"redis-0", 100 * kMiB, 128 * kMiB, "uid-0", ""};
  EXPECT_THAT(open()->all(), ElementsAre(known)) << "whoever comes next";
  EXPECT_THAT(told.shown, ElementsAre(known));
  EXPECT_THAT(told.reasons, ElementsAre("LimitRaised"));
}

TEST_F(RaisedLimitsTest, WhatCannotBeRecordedIsNotDone) {
  papers.refuses = true;
  EXPECT_EQ(open()->raise(raise, pods, told).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server->count("PATCH"), 0);
}

TEST_F(RaisedLimitsTest, RaisedTwiceItGoesBackToWhatItWasFirst) {
  const auto limits = open();
  ASSERT_TRUE(limits->raise(raise, pods, told));
  set(128 * kMiB, 128 * kMiB);
  ASSERT_TRUE(limits->raise({{"redis-0", 128 * kMiB, 150 * kMiB, "", ""}}, pods, told));
  EXPECT_THAT(limits->all(), ElementsAre(LimitRaise{"redis-0", 100 * kMiB, 150 * kMiB, "uid-0", ""}));
}

TEST_F(RaisedLimitsTest, ItIsForgottenOnceTheOldLimitIsReal) {
  const auto limits = open();
  ASSERT_TRUE(limits->raise(raise, pods, told));
  set(128 * kMiB, 128 * kMiB);
  limits->put_back(pods, world, {}, told);
  EXPECT_EQ(server->object(kPath)["spec"]["containers"][0]["resources"]["limits"]["memory"], "100Mi");
  EXPECT_THAT(limits->all(), SizeIs(1)) << "it is not real yet";
  set(100 * kMiB, 100 * kMiB);
  limits->put_back(pods, world, {}, told);
  EXPECT_THAT(limits->all(), IsEmpty());
  EXPECT_THAT(papers.kept, IsEmpty());
  EXPECT_THAT(told.shown, IsEmpty());
}

TEST_F(RaisedLimitsTest, NeverBelowWhatIsUsed) {
  const auto limits = open();
  ASSERT_TRUE(limits->raise(raise, pods, told));
  set(128 * kMiB, 128 * kMiB);
  world.nodes[0].memory.rss = 99 * kMiB;
  limits->put_back(pods, world, {}, told);
  EXPECT_EQ(server->count("PATCH"), 1) << "only the raise";
  limits->tell_what_stays(pods, world, {}, told);
  EXPECT_EQ(told.reasons.back(), "LimitStays");
  EXPECT_THAT(told.last, HasSubstr("holds 99.0Mi"));
}

TEST_F(RaisedLimitsTest, AnApiServerThatDoesNotLowerLimitsIsToldOfAndHoldsUpNothing) {
  const auto limits = open();
  ASSERT_TRUE(limits->raise(raise, pods, told));
  set(128 * kMiB, 128 * kMiB);
  server->next(refusal(422, "Invalid",
                       "memory limits cannot be decreased unless resizePolicy is "
                       "RestartContainer"));
  limits->put_back(pods, world, {}, told);
  EXPECT_EQ(told.reasons.back(), "LimitStays");
  EXPECT_THAT(told.last, HasSubstr("until the pod is made anew"));
  EXPECT_THAT(limits->to_put_back(), IsEmpty());
  ASSERT_THAT(told.shown, SizeIs(1));
  EXPECT_THAT(told.shown[0].stays, HasSubstr("cannot be decreased"));
  EXPECT_THAT(open()->to_put_back(), IsEmpty());
  set(100 * kMiB, 100 * kMiB);  // another pod, and another plan
  ASSERT_TRUE(limits->raise(raise, pods, told));
  EXPECT_THAT(limits->to_put_back(), SizeIs(1));
}

TEST_F(RaisedLimitsTest, ARightThatIsGoneMeanwhileIsAskedForAgain) {
  const auto limits = open();
  ASSERT_TRUE(limits->raise(raise, pods, told));
  set(128 * kMiB, 128 * kMiB);
  server->next(refusal(403, "Forbidden", "cannot patch resource"));
  limits->put_back(pods, world, {}, told);
  EXPECT_EQ(told.reasons.back(), "LimitStays");
  EXPECT_THAT(limits->all(), SizeIs(1));
}

}  // namespace
}  // namespace rebalance
