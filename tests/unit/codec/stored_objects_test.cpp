#include "codec/stored_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_tree.h"

namespace rebalance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kPod = R"({
  "apiVersion": "v1", "kind": "Pod",
  "metadata": {"name": "redis-1", "namespace": "shop", "uid": "u1", "labels": {"app": "redis", "controller-revision-hash": "redis-7d4"},
               "ownerReferences": [{"kind": "StatefulSet", "name": "redis", "uid": "o1", "controller": true}],
               "annotations": {"long": "0123456789"}, "managedFields": [{"manager": "kubelet"}]},
  "spec": {"containers": [{"name": "redis", "image": "redis:7", "env": [{"name": "A", "value": "b"}],
                           "ports": [{"name": "redis", "containerPort": 6380}],
                           "resources": {"limits": {"memory": "4Gi"}, "requests": {"memory": "2Gi"}}}],
           "volumes": [{"name": "data"}]},
  "status": {"phase": "Running", "podIP": "10.0.0.7",
             "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
             "containerStatuses": [{"name": "redis", "restartCount": 2, "imageID": "x",
                                    "resources": {"limits": {"memory": "3Gi"}},
                                    "lastState": {"terminated": {"reason": "OOMKilled"}}}]}})";

RedisRebalance resource() {
  RedisRebalance resource;
  resource.name_space = "shop";
  resource.spec.cluster.match_labels = {{"app", "redis"}};
  return resource;
}

std::string rebalance(const std::string& spec, const std::string& status = "{}") {
  return R"({"apiVersion": "redisrebalance.io/v1alpha1", "kind": "RedisRebalance",
    "metadata": {"name": "add", "namespace": "shop", "uid": "u9", "generation": 4,
                 "finalizers": ["redisrebalance.io/moving"]}, "spec": )" +
         spec + R"(, "status": )" + status + "}";
}

TEST(StoredPod, TellsTheSameAsTheWholePod) {
  const auto stored = decode_stored_pod(kPod).value();
  const auto pods = select_pods({&stored}, resource()).value();
  ASSERT_EQ(pods.size(), 1U);
  const auto whole = decode_pod(parse_yaml(kPod, "pod").value().front(), resource().spec.cluster).value();
  EXPECT_EQ(pods[0].ip, whole.ip);
  EXPECT_EQ(pods[0].port, 6380);
  EXPECT_EQ(pods[0].limit, 3 * kGiB);
  EXPECT_EQ(pods[0].limit, whole.limit);
  EXPECT_EQ(pods[0].request, whole.request);
  EXPECT_EQ(pods[0].restart_count, 2);
  EXPECT_TRUE(pods[0].oom_killed);
  EXPECT_TRUE(pods[0].ready);
  EXPECT_FALSE(pods[0].deleting);
  EXPECT_EQ(pods[0].stateful_set, "redis");
  EXPECT_EQ(pods[0].revision, "redis-7d4");
}

TEST(StoredPod, IsKeptWithoutWhatNobodyAsksFor) {
  const auto stored = decode_stored_pod(kPod).value();
  for (const char* part : {"managedFields", "annotations", "volumes", "env", "imageID"})
    EXPECT_THAT(stored.text, Not(HasSubstr(part)));
}

TEST(StoredPod, OfAnotherNamespaceOrLabelIsNotChosen) {
  const auto stored = decode_stored_pod(kPod).value();
  auto other = resource();
  other.name_space = "default";
  EXPECT_TRUE(select_pods({&stored}, other).value().empty());
  other = resource();
  other.spec.cluster.match_labels = {{"app", "valkey"}};
  EXPECT_TRUE(select_pods({&stored}, other).value().empty());
}

TEST(StoredRebalance, KeepsWhatTheLoopAsksFor) {
  const auto stored =
      decode_stored_rebalance(rebalance(R"({"cluster": {"podSelector": {"matchLabels": {"app": "redis"}}}})",
                                        R"({"state": "Succeeded", "observedGeneration": 3})"))
          .value();
  EXPECT_EQ(stored.generation, 4);
  EXPECT_EQ(stored.status.observed_generation, 3);
  EXPECT_EQ(stored.status.status.state, State::kSucceeded);
  EXPECT_THAT(stored.finalizers, ElementsAre("redisrebalance.io/moving"));
  ASSERT_TRUE(stored.resource) << stored.invalid;
  EXPECT_EQ(stored.resource->uid, "u9");
  EXPECT_EQ(stored.resource->name_space, "shop");
}

TEST(StoredRebalance, TellsWhoWouldMakeItAgainAndWhenItEnded) {
  std::string text = rebalance(R"({"cluster": {"podSelector": {"matchLabels": {"app": "redis"}}}})",
                               R"({"state": "Succeeded", "finished": "2026-01-01T00:00:00Z"})");
  text.insert(text.find("\"name\": \"add\""),
              R"("annotations": {"long": "0123456789", "argocd.argoproj.io/tracking-id": "shop:x"}, )");
  const auto stored = decode_stored_rebalance(text).value();
  ASSERT_TRUE(stored.resource) << stored.invalid;
  EXPECT_EQ(stored.resource->git_owner, "Argo CD (argocd.argoproj.io/tracking-id: shop:x)");
  EXPECT_EQ(stored.status.finished, "2026-01-01T00:00:00Z");
}

TEST(StoredRebalance, ASpecThatCannotBeUsedIsKeptWithTheReason) {
  const auto stored = decode_stored_rebalance(rebalance(R"({"cluster": {}})")).value();
  EXPECT_FALSE(stored.resource);
  EXPECT_THAT(stored.invalid, HasSubstr("podSelector"));
}

TEST(StoredRebalance, DefaultsThatTheServerFilledInAreNotAskedFor) {
  const auto stored = decode_stored_rebalance(rebalance(
      R"({"cluster": {"podSelector": {"matchLabels": {"app": "redis"}}}, "headroom": {"onShortage": "Refuse"}})"));
  EXPECT_TRUE(stored.value().resource) << stored.value().invalid;
}

TEST(StoredRebalance, WhatOthersManageAndTheStatusSayNothingOfTheSpec) {
  std::string text = rebalance(R"({"cluster": {"podSelector": {"matchLabels": {"app": "redis"}}}})",
                               R"({"state": "Succeeded", "ofANewerVersion": {"spec": 1}})");
  text.insert(text.find("\"name\": \"add\""), R"("managedFields": [{"fieldsV1": {"f:spec": {".": {}}}}], )");
  const auto stored = decode_stored_rebalance(text).value();
  EXPECT_TRUE(stored.resource) << stored.invalid;
  EXPECT_EQ(stored.status.status.state, State::kSucceeded);
}

TEST(Kept, HasTheNamedMembersOfAnObjectAndOfEachObjectOfAList) {
  const std::vector<KeptMember> members{{"a"}, {"list", {{"x"}}}};
  EXPECT_EQ(kept(R"({"b": 1, "a": {"b": [2]}, "list": [{"x": "]", "y": 2}, {"y": 3}, 4]})", members),
            R"({"a":{"b": [2]},"list":[{"x":"]"},{},4]})");
  EXPECT_EQ(kept("{}", members), "{}");
  EXPECT_EQ(kept(R"({"list": null, "a": []})", members), R"({"list":null,"a":[]})");
}

TEST(JsonTree, IsTheSameAsTheYamlReadersApartFromLines) {
  const auto json = parse_json(kPod, "pod").value();
  const auto yaml = parse_yaml(kPod, "pod").value().front();
  EXPECT_EQ(json.text_at({"metadata", "name"}), yaml.text_at({"metadata", "name"}));
  EXPECT_EQ(json.find("spec")
                ->find("containers")
                ->items.front()
                .find("ports")
                ->items.front()
                .find("containerPort")
                ->integer,
            6380);
}

TEST(JsonTree, BrokenOrTooDeepTextIsRefused) {
  EXPECT_FALSE(parse_json("{\"a\": ", "text"));
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']'), "text"));
  EXPECT_TRUE(
      parse_json("[\"\\\"" + std::string(100, '[') + "\"]", "text"));  // in a string they count nothing
}

}  // namespace
}  // namespace rebalance
