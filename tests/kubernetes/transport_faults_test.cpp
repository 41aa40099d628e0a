// What a call comes to when the server or the network does not do as it should.
#include <gmock/gmock.h>

#include <future>

#include "kubernetes/client_rig.h"
#include "rig/fake_api_server.h"

namespace rebalance {
namespace {

using ::testing::HasSubstr;
using Kind = rig::Fault::Kind;

constexpr auto kPods = "/api/v1/pods";

class TransportFaultsTest : public ::testing::Test {
 protected:
  Result<HttpResponse> send(Millis deadline = Millis(5000), std::stop_token stop = {}) {
    return transport_->send(get(kPods, deadline), stop);
  }
  ErrorCode failure(Millis deadline = Millis(5000)) {
    const auto response = send(deadline);
    return response ? ErrorCode::kInternal : response.error().code;
  }
  // The connection that the last call used is back in the pool.
  void make_a_pooled_connection() { ASSERT_TRUE(send()); }

  rig::FakeApiServer server_;
  std::shared_ptr<Transport> transport_ = make_http_transport(config_at(server_.kubeconfig()));
};

TEST_F(TransportFaultsTest, KeepsOneConnectionForCallsThatFollowEachOther) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(send());
  EXPECT_LE(server_.connections().accepted(),
            5);  // a call may start before its predecessor's is back in the pool
}

TEST_F(TransportFaultsTest, GivesTheAnswerWhateverItsStatus) {
  server_.fail({.answer = {.status = 429, .body = "slow down", .headers = {{"Retry-After", "7"}}}});
  const auto response = send().value();
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.body, "slow down");
  EXPECT_EQ(response.retry_after, Millis(7000));
}

TEST_F(TransportFaultsTest, FollowsNoRedirect) {
  server_.fail({.answer = {.status = 302, .headers = {{"Location", "/version"}}}});
  EXPECT_EQ(send().value().status, 302);
  EXPECT_EQ(server_.calls().size(), 1U);
}

TEST_F(TransportFaultsTest, EndsAtItsDeadlineWhenThePeerFallsSilent) {
  server_.fail({.kind = Kind::kStall});
  const auto begin = BootClock::now();
  EXPECT_EQ(failure(Millis(300)), ErrorCode::kTimeout);
  EXPECT_LT(BootClock::now() - begin, Millis(2000));
  EXPECT_EQ(send().value().status, 200);  // over a new connection
  EXPECT_EQ(server_.connections().accepted(), 2);
}

TEST_F(TransportFaultsTest, EndsAtOnceWhenItIsStopped) {
  server_.fail({.kind = Kind::kStall});
  std::stop_source stop;
  auto answer = std::async(std::launch::async, [&] { return send(Millis(60'000), stop.get_token()); });
  ASSERT_TRUE(rig::wait_until([&] { return server_.calls().size() == 1; }, rig::Milliseconds(5000)));
  const auto begin = BootClock::now();
  stop.request_stop();
  EXPECT_EQ(answer.get().error().code, ErrorCode::kStopped);
  EXPECT_LT(BootClock::now() - begin, Millis(500));
}

TEST_F(TransportFaultsTest, IsNotStartedWhenItIsStoppedAlready) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(send(Millis(5000), stop.get_token()).error().code, ErrorCode::kStopped);
}

TEST_F(TransportFaultsTest, SaysThatAConnectionBroke) {
  server_.fail({.kind = Kind::kCut});
  EXPECT_EQ(failure(), ErrorCode::kUnavailable);
  server_.fail({.kind = Kind::kCutInAnswer});
  EXPECT_EQ(failure(), ErrorCode::kUnavailable);
  EXPECT_EQ(send().value().status, 200);
}

TEST_F(TransportFaultsTest, SaysThatNobodyListens) {
  auto config = config_at(server_.kubeconfig());
  config.port = rig::free_port();
  const auto response = make_http_transport(config)->send(get(kPods), {});
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(response.error().message, HasSubstr("nobody is reached at 127.0.0.1"));
}

TEST_F(TransportFaultsTest, AClientRepeatsWhatAStalePooledConnectionLost) {
  const auto client = client_of(config_at(server_.kubeconfig()));
  for (const std::string method : {"GET", "PUT"}) {
    const auto request = with_body(method, "/api/v1/namespaces/shop/configmaps/none", Json::object());
    EXPECT_EQ(client->call(request, {}).error().status, 404) << method;
    server_.connections().cut_all();
    ASSERT_TRUE(rig::wait_until([&] { return server_.connections().open_connections() == 0; },
                                rig::Milliseconds(5000)));
    EXPECT_EQ(client->call(request, {}).error().status, 404) << method;
  }
}

TEST_F(TransportFaultsTest, AClientWaitsOutAStormOf429InPlainText) {
  const auto client = client_of(config_at(server_.kubeconfig()));
  server_.fail({.answer = {.status = 429,
                           .body = "Too many requests",
                           .content_type = "text/plain",
                           .headers = {{"Retry-After", "0"}}},
                .times = 5});
  EXPECT_TRUE(client->call(get(kPods), {}));
  EXPECT_EQ(server_.calls().size(), 6U);
}

TEST_F(TransportFaultsTest, RefusesAnAnswerThatIsLargerThanAllowedWhileItComes) {
  server_.fail({.answer = {.body = std::string(64 << 20, 'x')}});
  HttpRequest request = get(kPods);
  request.most_bytes = 1 << 20;
  const auto response = transport_->send(request, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kInvalidInput);
  EXPECT_THAT(response.error().message, HasSubstr("larger than the 1048576 bytes allowed"));
}

TEST_F(TransportFaultsTest, TakesALargeAnswerThatIsAllowed) {
  const std::string body(8 << 20, 'x');
  server_.fail({.answer = {.body = body}});
  EXPECT_EQ(send().value().body, body);
}

TEST_F(TransportFaultsTest, RefusesAPathThatIsNone) {
  EXPECT_EQ(transport_->send(get("/a b\n"), {}).error().code, ErrorCode::kInvalidInput);
}

TEST_F(TransportFaultsTest, ServesManyCallersAtOnce) {
  std::vector<std::jthread> callers;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 10; ++call) answered += send().has_value();
    });
  }
  callers.clear();
  EXPECT_EQ(answered, 160);
}

}  // namespace
}  // namespace rebalance
