#include "kube/api_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ApiError error_of(int status, const std::string& body, const std::string& method = "GET") {
  HttpRequest request{.method = method, .path = "/api/v1/pods?limit=500&continue=abc"};
  return api_error(request, {.status = status, .body = body, .retry_after = {}});
}

TEST(ApiError, SaysWhatTheStatusSays) {
  const auto error = error_of(409, R"({"kind":"Status","status":"Failure","code":409,"reason":"Conflict",
      "message":"the object has been modified","details":{"retryAfterSeconds":3}})");
  EXPECT_EQ(error.message, "GET /api/v1/pods: the object has been modified (Conflict, HTTP 409)");
  EXPECT_TRUE(error.conflict());
  EXPECT_EQ(error.retry_after, Millis(3000));
  EXPECT_EQ(error.code, ErrorCode::kConflict);
}

TEST(ApiError, NamesTheCause) {
  const auto error = error_of(504, R"({"kind":"Status","code":504,"reason":"Timeout",
      "details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}]}})");
  EXPECT_EQ(error.cause, "ResourceVersionTooLarge");
}

TEST(ApiError, TakesPlainTextAsPriorityAndFairnessSendsIt) {
  const auto error = error_of(429, "Too many requests, please try again later.\n");
  EXPECT_EQ(error.reason, "TooManyRequests");
  EXPECT_EQ(error.message,
            "GET /api/v1/pods: Too many requests, please try again later. (TooManyRequests, HTTP 429)");
}

TEST(ApiError, KnowsExpiryInBothForms) {
  EXPECT_TRUE(error_of(410, "").expired());
  const auto event = watch_error(R"({"kind":"Status","code":410,"reason":"Expired","message":"too old"})");
  EXPECT_TRUE(event.expired());
  EXPECT_EQ(event.message, "too old");
  EXPECT_TRUE(watch_error(R"({"kind":"Status","code":410,"reason":"Gone"})").expired());
}

TEST(ApiError, TellsAnExistingObjectFromAStaleOne) {
  EXPECT_TRUE(error_of(409, "", "POST").exists());
  EXPECT_TRUE(error_of(409, "", "PUT").conflict());
}

TEST(ApiError, ShowsStrangeTextInOneBoundedLine) {
  const auto error = error_of(502, "<html>\r\n\x01<body>" + std::string(5000, 'x'));
  EXPECT_THAT(error.message, AllOf(HasSubstr("<html> <body>xxx"), HasSubstr("... (HTTP 502)")));
  EXPECT_LT(error.message.size(), 1200U);
  EXPECT_EQ(watch_error("not json").message, "an ERROR event without a Status");
}

TEST(ApiPath, LeavesOutWhatIsEmptyAndEncodesTheRest) {
  EXPECT_EQ(api_path({"", "v1", "pods"}, ""), "/api/v1/pods");
  EXPECT_EQ(api_path({"apps", "v1", "statefulsets"}, "shop", "redis", "status"),
            "/apis/apps/v1/namespaces/shop/statefulsets/redis/status");
  EXPECT_EQ(api_path({"", "v1", "pods"}, "a/b", "../x"), "/api/v1/namespaces/a%2Fb/pods/..%2Fx");
  EXPECT_EQ(url_encoded("app in (a,b)&\xC3\xA9"), "app%20in%20%28a%2Cb%29%26%C3%A9");
}

}  // namespace
}  // namespace rebalance
