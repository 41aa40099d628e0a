#include "telemetry/http_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "telemetry/listener.h"

namespace rebalance {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kProbe = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

std::unique_ptr<HttpServer> server(HttpServerOptions options = {}) {
  if (options.address == ":8080") options.address = ":0";
  auto started =
      HttpServer::start(options, {{"/healthz", [] { return HttpAnswer{200, "ok\n"}; }},
                                  {"/long", [] { return HttpAnswer{200, std::string(32 << 20, 'x')}; }}});
  EXPECT_TRUE(started) << started.error().message;
  return *std::move(started);
}

// A client that gives up after 5 s rather than hanging.
class Client {
 public:
  explicit Client(std::uint16_t port, int family = AF_INET)
      : socket_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{5, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (family == AF_INET) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(port);
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      connected_ = connect(socket_.number(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    } else {
      sockaddr_in6 to{};
      to.sin6_family = AF_INET6;
      to.sin6_port = htons(port);
      to.sin6_addr = in6addr_loopback;
      connected_ = connect(socket_.number(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    }
  }
  bool connected() const { return connected_; }
  bool say(std::string_view text) {
    while (!text.empty()) {
      const auto sent = send(socket_.number(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Until the server closes; nothing if it does not within 5 s.
  std::optional<std::string> hear() {
    std::string all;
    char buffer[65536];
    for (;;) {
      const auto got = recv(socket_.number(), buffer, sizeof buffer, 0);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) return all;
      if (got < 0) return std::nullopt;
      all.append(buffer, static_cast<std::size_t>(got));
    }
  }
  std::string ask(std::string_view text) { return say(text) ? hear().value_or("(nothing)") : "(refused)"; }

 private:
  Descriptor socket_;
  bool connected_ = false;
};

TEST(HttpServer, AnswersOverIPv4AndIPv6OnOnePort) {
  const auto running = server();
  EXPECT_THAT(Client(running->port()).ask(kProbe), EndsWith("\r\n\r\nok\n"));
  const bool has_ipv6 = listen_on("[::1]:0").has_value();
  Client six(running->port(), AF_INET6);
  EXPECT_EQ(six.connected(), has_ipv6);
  if (has_ipv6) {
    EXPECT_THAT(six.ask(kProbe), EndsWith("\r\n\r\nok\n"));
  }
}

TEST(HttpServer, TakesARequestInPieces) {
  const auto running = server();
  Client client(running->port());
  for (const char* piece : {"GET /hea", "lthz HTTP/1.1\r", "\nHost: x\r\n\r"}) ASSERT_TRUE(client.say(piece));
  EXPECT_THAT(client.ask("\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpServer, SendsAnAnswerThatIsLargerThanAllBuffers) {
  const auto running = server();
  const auto answer = Client(running->port()).ask("GET /long HTTP/1.1\r\n\r\n");
  EXPECT_GT(answer.size(), std::size_t{32} << 20);
}

TEST(HttpServer, RefusesAHeadThatIsTooLongAndTheClientGetsToReadIt) {
  const auto running = server();
  Client client(running->port());
  const auto answer = client.ask("GET /healthz HTTP/1.1\r\nA: " + std::string(20'000, 'x'));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
}

TEST(HttpServer, ManyPeersThatSayNothingDoNotKeepAProbeOut) {
  const auto running = server({.most_peers = 8, .patience = Millis(60'000)});
  std::vector<Client> idle;
  for (int i = 0; i < 40; i++) idle.emplace_back(running->port());
  const auto began = BootClock::now();
  EXPECT_THAT(Client(running->port()).ask(kProbe), StartsWith("HTTP/1.1 200 "));
  EXPECT_LT(seconds_between(began, BootClock::now()), 1.0);
  EXPECT_EQ(idle.front().hear(), "");  // the first ones gave way
}

TEST(HttpServer, ASlowPeerIsDropped) {
  const auto running = server({.patience = Millis(50)});
  Client silent(running->port()), half(running->port());
  half.say("GET /healthz HT");
  EXPECT_EQ(silent.hear(), "");
  EXPECT_EQ(half.hear(), "");
}

TEST(HttpServer, APeerThatDoesNotTakeItsAnswerIsDroppedAndOthersGoOn) {
  const auto running = server({.patience = Millis(500)});  // enough for a probe of a busy machine
  Client greedy(running->port());
  ASSERT_TRUE(greedy.say("GET /long HTTP/1.1\r\n\r\n"));
  const auto until = BootClock::now() + std::chrono::seconds(5);
  // Dropped: what it asks now comes back as a reset, sooner or later.
  bool dropped = false;
  while (!dropped && BootClock::now() < until) {
    EXPECT_THAT(Client(running->port()).ask(kProbe), StartsWith("HTTP/1.1 200 "));
    dropped = !greedy.say("x");
  }
  EXPECT_TRUE(dropped);
}

// Seconds that a server with hanging peers takes to stop.
double stopping_seconds() {
  auto running = server({.patience = Millis(60'000)});
  const auto port = running->port();
  std::vector<Client> idle;
  for (int i = 0; i < 5; i++) idle.emplace_back(port);
  EXPECT_THAT(Client(port).ask(kProbe), StartsWith("HTTP/1.1 200 "));
  const auto began = BootClock::now();
  running.reset();
  const double taken = seconds_between(began, BootClock::now());
  EXPECT_FALSE(Client(port).connected());
  return taken;
}

TEST(HttpServer, StopsWithinATenthOfASecondWhilePeersHang) {
  // The best of three: a busy machine is not the server's fault.
  EXPECT_LT(std::min({stopping_seconds(), stopping_seconds(), stopping_seconds()}), 0.1);
}

TEST(HttpServer, HandlersRunOneAtATime) {
  std::atomic<int> inside = 0, most = 0;
  auto started = HttpServer::start({.address = "127.0.0.1:0"}, {{"/", [&] {
                                                                   most = std::max(most.load(), ++inside);
                                                                   std::this_thread::yield();
                                                                   --inside;
                                                                   return HttpAnswer{};
                                                                 }}});
  ASSERT_TRUE(started);
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 4; i++) {
      clients.emplace_back([&] {
        for (int k = 0; k < 10; k++) Client((*started)->port()).ask("GET / HTTP/1.1\r\n\r\n");
      });
    }
  }
  EXPECT_EQ(most, 1);
}

TEST(HttpServer, AnAddressThatIsNoneIsNamed) {
  for (const char* bad :
       {"", "8080", "localhost:8080", "127.0.0.1", ":x", ":65536", "[::1:8080", "1.2.3:1"}) {
    const auto started = HttpServer::start({.address = bad}, {});
    ASSERT_FALSE(started) << bad;
    EXPECT_EQ(started.error().code, ErrorCode::kInvalidInput) << bad;
  }
}

TEST(HttpServer, APortThatIsTakenIsNamed) {
  const auto running = server();
  const auto address = fmt::format(":{}", running->port());
  const auto second = HttpServer::start({.address = address}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr(address));
}

}  // namespace
}  // namespace rebalance
