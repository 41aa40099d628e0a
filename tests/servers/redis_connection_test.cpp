#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "redis/connection.h"
#include "redis_support.h"
#include "rig/certificates.h"

namespace rebalance {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPassword = "s3cret-pa55";

class Plain : public testing::Test {
 protected:
  rig::Server& start(rig::ServerOptions options = {}) {
    options.cluster = false;
    server_ = std::make_unique<rig::Server>(rig::version_named("r70"), folder_.path() / "server",
                                            std::move(options));
    return *server_;
  }
  Connection open() { return Connection::open(options_to(server_->client_endpoint())).value(); }
  Error refusal(const ConnectOptions& options) {
    const auto connection = Connection::open(options);
    return connection ? Error{ErrorCode::kInternal, "it was let in"} : connection.error();
  }

  rig::TempFolder folder_;
  std::unique_ptr<rig::Server> server_;
};

TEST_F(Plain, CarriesAnyByteBothWays) {
  start();
  auto connection = open();
  const std::string value("a\0b\r\n\xff$-1\r\n", 11);
  EXPECT_TRUE(connection.command({"SET", value, value}).value().is_ok());
  EXPECT_EQ(connection.command({"GET", value}).value().text, value);
  EXPECT_TRUE(connection.command({"GET", "nothing"}).value().is_nil());
  EXPECT_EQ(connection.command({"CLIENT", "GETNAME"}).value().text, "test");
}

TEST_F(Plain, AnErrorOfTheServerIsAReply) {
  start();
  auto connection = open();
  EXPECT_TRUE(connection.command({"NO-SUCH-COMMAND"}).value().is_error("ERR"));
  EXPECT_FALSE(connection.broken());
}

// 64 MiB of commands against 64 MiB of replies: neither side's buffers hold them.
TEST_F(Plain, ALargePipelineNeitherDeadlocksNorMixesReplies) {
  start();
  auto connection = open();
  std::vector<Args> commands;
  for (int i = 0; i < 64; ++i)
    commands.push_back({"ECHO", std::string(1024 * 1024, static_cast<char>('a' + i % 26))});
  const auto replies = connection.pipeline(commands).value();
  ASSERT_EQ(replies.size(), commands.size());
  for (std::size_t i = 0; i < replies.size(); ++i) EXPECT_TRUE(replies[i].text == commands[i][1]) << i;
}

TEST_F(Plain, PipelinesOverSeveralConnectionsRunAtOnceAndEndEachForItself) {
  start();
  auto waits = open(), pushes = open(), hangs = open();
  hangs.set_timeout(Millis(50));
  const std::vector<Args> pop{{"BLPOP", "list", "0"}}, push{{"PING"}, {"RPUSH", "list", "element"}},
      never{{"BLPOP", "nothing", "0"}};
  const std::vector<Connection::Talk> talks{{&waits, pop}, {&hangs, never}, {&pushes, push}};
  const auto results = Connection::pipelines(talks);
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].value().front().items.at(1).text, "element");
  EXPECT_EQ(results[1].error().code, ErrorCode::kTimeout);
  EXPECT_EQ(results[2].value().back().integer, 1);
  EXPECT_TRUE(hangs.broken());
  EXPECT_FALSE(waits.broken());
}

TEST_F(Plain, ATimeOutLeavesTheOutcomeOpenAndTheConnectionDead) {
  start();
  auto connection = open();
  connection.set_timeout(Millis(50));
  const auto late = connection.command({"BLPOP", "nothing", "0"});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(connection.broken());
  EXPECT_EQ(connection.command({"PING"}).error().code, ErrorCode::kUnavailable);
}

TEST_F(Plain, AConnectionThatTheServerEndedSaysThatNothingWasSent) {
  auto& server = start();
  auto connection = open();
  server.command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  const auto answer = connection.command({"SET", "k", "v"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server.command({"EXISTS", "k"}).integer, 0);
}

TEST_F(Plain, InterruptEndsAWaitInAnotherThread) {
  auto& server = start();
  auto connection = open();
  auto waiting =
      std::async(std::launch::async, [&] { return connection.command({"BLPOP", "nothing", "0"}); });
  ASSERT_TRUE(rig::wait_until(
      [&] { return server.command({"CLIENT", "LIST"}).text.find("cmd=blpop") != std::string::npos; },
      rig::Milliseconds(5000)));
  connection.interrupt();
  ASSERT_EQ(waiting.wait_for(std::chrono::milliseconds(1000)), std::future_status::ready);
  EXPECT_EQ(waiting.get().error().code, ErrorCode::kTimeout);
}

TEST_F(Plain, SpeaksIpv6) {
  start({.host = "::1"});
  EXPECT_EQ(open().command({"PING"}).value().text, "PONG");
  EXPECT_EQ(open().endpoint().text(), "[::1]:" + std::to_string(server_->port()));
}

TEST_F(Plain, LetsAUserInByNameAndPassword) {
  start({.user = "mover", .password = kPassword, .acl = "~* +@all"});
  EXPECT_EQ(open().command({"ACL", "WHOAMI"}).value().text, "mover");
}

TEST_F(Plain, SaysWhyItIsNotLetInAndNeverThePassword) {
  start({.user = "mover", .password = kPassword, .acl = "~* +@all"});
  const auto good = options_to(server_->client_endpoint());
  const auto wrong = refusal(with(good, [](Access& access) { access.password = "wr0ng-pa55"; }));
  EXPECT_EQ(wrong.code, ErrorCode::kRefused);
  EXPECT_THAT(wrong.message, HasSubstr("wrong password for user 'mover'"));
  EXPECT_THAT(wrong.message, Not(HasSubstr("wr0ng-pa55")));
}

TEST_F(Plain, SaysThatAPasswordIsAskedForOrNotAskedFor) {
  start({.password = kPassword});
  const auto good = options_to(server_->client_endpoint());
  const auto none = refusal(with(good, [](Access& access) { access = {}; }));
  EXPECT_EQ(none.code, ErrorCode::kRefused);
  EXPECT_THAT(none.message, HasSubstr("asks for a password"));
  start();
  const auto open_server = options_to(server_->client_endpoint());
  const auto needless = refusal(with(open_server, [](Access& access) { access.password = kPassword; }));
  EXPECT_EQ(needless.code, ErrorCode::kRefused);
  EXPECT_THAT(needless.message, HasSubstr("the server has none"));
  EXPECT_THAT(needless.message, Not(HasSubstr(kPassword)));
}

TEST_F(Plain, ReadsItsSecretsAnewAtEachConnect) {
  start({.password = kPassword});
  auto options = options_to(server_->client_endpoint());
  options.access = [calls = std::make_shared<int>(0)]() -> Result<Access> {
    return Access{.username = "", .password = ++*calls == 1 ? "outdated" : kPassword};
  };
  EXPECT_EQ(refusal(options).code, ErrorCode::kRefused);
  EXPECT_TRUE(Connection::open(options));
}

TEST_F(Plain, SaysThatNobodyListens) {
  ConnectOptions options;
  options.endpoint = {"127.0.0.1", rig::free_port()};
  const auto why = refusal(options);
  EXPECT_EQ(why.code, ErrorCode::kUnavailable);
  EXPECT_THAT(why.message, HasSubstr("no server listens"));
}

TEST_F(Plain, SaysThatAServerDoesNotAnswer) {
  auto& server = start();
  server.pause();
  auto options = options_to(server.client_endpoint());
  options.command_timeout = Millis(200);
  const auto why = refusal(options);
  server.resume();
  EXPECT_EQ(why.code, ErrorCode::kUnavailable);
  EXPECT_THAT(why.message, HasSubstr("no answer within 200 ms"));
}

class Tls : public Plain {
 protected:
  void SetUp() override { serve({}); }
  void serve(const rig::CertificateOptions& how, const std::string& name = "server") {
    const auto own = ca_.issue(name, how);
    start({.tls = rig::ServerTls{ca_.certificate(), own.certificate, own.key}});
  }
  // As a server whose certificate ran out while it was running: the rig would not start one.
  void renew_with(const rig::CertificateOptions& how) {
    auto admin = server_->connect();
    const auto other = ca_.issue("renewed", how);
    const auto& used = *server_->options().tls;
    std::filesystem::copy_file(other.certificate, used.certificate,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(other.key, used.key, std::filesystem::copy_options::overwrite_existing);
    const auto same_ca = folder_.write("same-ca.crt", file_text(ca_.certificate()));
    admin.must({"CONFIG", "SET", "tls-ca-cert-file", same_ca.string()});  // reads all files again
  }
  ConnectOptions good() { return options_to(server_->client_endpoint()); }

  rig::CertificateAuthority ca_{folder_.path()};
};

TEST_F(Tls, LetsInWithTheRightCaAndAClientCertificate) {
  auto connection = Connection::open(good());
  ASSERT_TRUE(connection) << connection.error().message;
  const std::string value(3 * 1024 * 1024, 'x');
  EXPECT_TRUE(connection->command({"SET", "k", value}).value().is_ok());
  EXPECT_TRUE(connection->command({"GET", "k"}).value().text == value);
}

TEST_F(Tls, RefusesAServerOfAnotherCa) {
  const rig::CertificateAuthority other(folder_.path(), "other");
  const auto why = refusal(with(good(), [&](Access& access) { access.ca = file_text(other.certificate()); }));
  EXPECT_EQ(why.code, ErrorCode::kRefused);
  EXPECT_THAT(why.message, HasSubstr("not issued by the CA"));
}

TEST_F(Tls, RefusesACertificateForAnotherName) {
  const auto why = refusal(with(good(), [](Access& access) { access.server_name = "redis.example"; }));
  EXPECT_EQ(why.code, ErrorCode::kRefused);
  EXPECT_THAT(why.message, HasSubstr("does not name redis.example"));
}

TEST_F(Tls, RefusesACertificateWithoutTheAddressThatWasDialled) {
  serve({.names = {"DNS:redis.example"}}, "named");
  EXPECT_THAT(refusal(good()).message, HasSubstr("does not name 127.0.0.1"));
  EXPECT_TRUE(Connection::open(with(good(), [](Access& access) { access.server_name = "redis.example"; })));
}

TEST_F(Tls, RefusesAnExpiredCertificate) {
  renew_with({.expired = true});
  const auto why = refusal(good());
  EXPECT_EQ(why.code, ErrorCode::kRefused);
  EXPECT_THAT(why.message, HasSubstr("expired"));
}

TEST_F(Tls, SaysThatAClientCertificateIsAskedFor) {
  const auto why = refusal(with(good(), [](Access& access) { access.certificate = access.key = ""; }));
  EXPECT_THAT(why.message, HasSubstr("client certificate"));
}

TEST_F(Tls, SaysWhichPemTextIsNone) {
  const auto no_ca = refusal(with(good(), [](Access& access) { access.ca = "hello"; }));
  EXPECT_EQ(no_ca.code, ErrorCode::kInvalidInput);
  EXPECT_THAT(no_ca.message, HasSubstr("ca.crt"));
  const auto no_key = refusal(with(good(), [](Access& access) { access.key = "hello"; }));
  EXPECT_THAT(no_key.message, HasSubstr("tls.key"));
}

TEST_F(Tls, SaysThatOneSideSpeaksTlsAndTheOtherDoesNot) {
  EXPECT_THAT(refusal(with(good(), [](Access& access) { access.tls = false; })).message,
              HasSubstr("may speak TLS"));
  start();
  const auto why = refusal(with(good(), [&](Access& access) {
    access.tls = true;
    access.ca = file_text(ca_.certificate());
  }));
  EXPECT_THAT(why.message, HasSubstr("TLS"));
}

}  // namespace
}  // namespace rebalance
