#include "kube/pod_resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scripted_transport.h"

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PodResizeTest : public testing::Test {
 protected:
  static constexpr auto kPath = "/api/v1/namespaces/shop/pods/redis-0/resize";
  PodResizeTest() {
    pod.name = "redis-0";
    pod.pod_namespace = "shop";
    pod.container = "redis";
  }
  Error refused_with(Answer refusal) {
    server->next(std::move(refusal));
    return resize_pod(client, pod, 128 * kMiB).error();
  }
  PodState pod;
  std::shared_ptr<TinyServer> server = std::make_shared<TinyServer>();
  ApiClient client{server, server};
};

TEST_F(PodResizeTest, PatchesTheSubresource) {
  server->put(kPath, {});
  ASSERT_TRUE(resize_pod(client, pod, 128 * kMiB));
  const auto request = server->requests().front();
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.path, kPath);
  EXPECT_EQ(request.content_type, "application/strategic-merge-patch+json");
}

TEST_F(PodResizeTest, AMissingRightNamesTheValueOfTheChart) {
  const auto why = refused_with(refusal(
      403, "Forbidden", R"(pods "redis-0" is forbidden: User "x" cannot patch resource "pods/resize")"));
  EXPECT_EQ(why.code, ErrorCode::kRefused);
  EXPECT_THAT(why.message, AllOf(HasSubstr("cannot patch resource"), HasSubstr("rbac.resizePods")));
}

TEST_F(PodResizeTest, AQuotaIsNoMatterOfRights) {
  const auto why = refused_with(refusal(403, "Forbidden", R"(pods "redis-0" is forbidden: exceeded quota)"));
  EXPECT_EQ(why.code, ErrorCode::kRefused);
  EXPECT_THAT(why.message, Not(HasSubstr("rbac.resizePods")));
}

// Kubernetes 1.36 asks itself what a kubelet is asked before.
TEST_F(PodResizeTest, ANodeThatIsTooSmallStaysSo) {
  const auto why = refused_with(
      refusal(403, "Forbidden",
              R"(pods "redis-0" is forbidden: Node didn't have enough allocatable resources: memory)"));
  EXPECT_EQ(why.code, ErrorCode::kInvalidInput);
}

TEST_F(PodResizeTest, AnApiServerWithoutTheSubresourceIsToldApartFromAPodThatIsGone) {
  const auto older =
      refused_with(refusal(404, "NotFound", "the server could not find the requested resource"));
  EXPECT_EQ(older.code, ErrorCode::kInvalidInput);
  EXPECT_THAT(older.message, HasSubstr("Kubernetes 1.33"));
  const auto gone = refused_with(refusal(404, "NotFound", R"(pods "redis-0" not found)"));
  EXPECT_EQ(gone.code, ErrorCode::kConflict);
}

TEST_F(PodResizeTest, WhatIsInvalidStaysSo) {
  const auto why = refused_with(refusal(422, "Invalid", "memory limits cannot be decreased"));
  EXPECT_EQ(why.code, ErrorCode::kInvalidInput);
  EXPECT_THAT(why.message, HasSubstr("cannot be decreased"));
}

}  // namespace
}  // namespace rebalance
