#include "telemetry/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace rebalance {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::map<std::string, HttpHandler> kPages = {
    {"/healthz", [] { return HttpAnswer{200, "ok\n"}; }},
    {"/readyz", [] { return HttpAnswer{503, "no cache yet\n"}; }},
    {"/broken", []() -> HttpAnswer { throw std::runtime_error("it broke"); }}};

std::string reply(const std::string& head) { return http_reply(head + "\r\n\r\n", kPages); }

TEST(HttpMessage, GivesThePageWithItsLength) {
  const auto text = reply("GET /healthz HTTP/1.1\r\nHost: x");
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(text, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\nok\n"));
}

TEST(HttpMessage, IgnoresTheQueryAndTakesHttp10) {
  EXPECT_THAT(reply("GET /healthz?verbose HTTP/1.0"), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpMessage, HeadHasTheLengthAndNoBody) {
  const auto text = reply("HEAD /healthz HTTP/1.1");
  EXPECT_THAT(text, HasSubstr("Content-Length: 3\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\n"));
}

TEST(HttpMessage, PassesTheStatusOfThePageOn) {
  EXPECT_THAT(reply("GET /readyz HTTP/1.1"), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
}

TEST(HttpMessage, APageThatThrowsIsAnErrorOfTheServer) {
  EXPECT_THAT(reply("GET /broken HTTP/1.1"), StartsWith("HTTP/1.1 500 "));
}

TEST(HttpMessage, SaysWhatIsWrongWithARequest) {
  EXPECT_THAT(reply("GET /nowhere HTTP/1.1"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(reply("GET /healthz/ HTTP/1.1"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(reply("POST /healthz HTTP/1.1"), HasSubstr("Allow: GET, HEAD\r\n"));
  for (const char* body :
       {"Content-Length: 5", "content-LENGTH:5", "Transfer-Encoding: chunked", "Content-Length: x"})
    EXPECT_THAT(reply(std::string("GET /healthz HTTP/1.1\r\nA: b\r\n") + body), StartsWith("HTTP/1.1 413 "))
        << body;
  EXPECT_THAT(reply("GET /healthz HTTP/1.1\r\nContent-Length: 0"), StartsWith("HTTP/1.1 200 "));
  for (const char* bad : {"", " ", "GET", "GET /healthz", "GET /healthz HTTP/2.0", "GET healthz HTTP/1.1",
                          " /healthz HTTP/1.1", "GET  HTTP/1.1", "GET /a b HTTP/1.1", "\x16\x03\x01"})
    EXPECT_THAT(reply(bad), StartsWith("HTTP/1.1 400 ")) << bad;
}

TEST(HttpMessage, AHeadIsWholeWithItsEmptyLine) {
  EXPECT_EQ(http_head_end("GET / HTTP/1.1\r\nA: b\r\n"), std::string::npos);
  EXPECT_EQ(http_head_end("GET / HTTP/1.1\r\n\r\nmore"), 18U);
}

}  // namespace
}  // namespace rebalance
