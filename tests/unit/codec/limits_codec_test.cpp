#include "codec/limits_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rebalance {
namespace {

using nlohmann::json;

TEST(LimitsCodec, WhatIsWrittenIsReadAgain) {
  const std::vector<LimitRaise> limits{{"redis-0", 118 * kMiB, 128 * kMiB, "uid-0", ""},
                                       {"redis-1", 1000, 2000, "uid-1", ""}};
  EXPECT_EQ(decode_limits(encode_limits(limits)).value(), limits);
  EXPECT_EQ(decode_limits("{}").error().code, ErrorCode::kInvalidInput);
}

TEST(ResizePatch, SetsTheLimitOfThisVeryPodAndLeavesTheRequest) {
  PodState pod;
  pod.uid = "uid-0";
  pod.container = "redis";
  EXPECT_EQ(json::parse(resize_patch(pod, 128 * kMiB)), json::parse(R"({
    "metadata": {"uid": "uid-0"},
    "spec": {"containers": [{"name": "redis", "resources": {"limits": {"memory": "128Mi"}}}]}})"));
}

TEST(ResizePatch, KeepsAGuaranteedPodGuaranteed) {
  PodState pod;
  pod.resize.guaranteed = true;
  const auto resources =
      json::parse(resize_patch(pod, 128 * kMiB)).at(json::json_pointer("/spec/containers/0/resources"));
  EXPECT_EQ(resources.at("requests"), resources.at("limits"));
}

}  // namespace
}  // namespace rebalance
