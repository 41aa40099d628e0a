// Who is trusted, and as whom we come.
#include <gmock/gmock.h>

#include "kubernetes/client_rig.h"
#include "rig/fake_api_server.h"

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kPods = "/api/v1/pods";

Result<HttpResponse> asked(const ClusterConfig& config) {
  return make_http_transport(config)->send(get(kPods), {});
}
std::string refusal(const ClusterConfig& config) {
  const auto response = asked(config);
  if (response) return "answered " + std::to_string(response->status);
  EXPECT_EQ(response.error().code, ErrorCode::kRefused) << response.error().message;
  return response.error().message;
}
rig::FakeApiServerOptions certified(const rig::CertificateOptions& certificate) {
  return {.certificate = certificate};
}

TEST(TransportTls, TrustsTheClustersCa) {
  rig::FakeApiServer server;
  const auto response = asked(config_at(server.kubeconfig()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
}

TEST(TransportTls, TrustsNoOtherCa) {
  rig::FakeApiServer server;
  rig::FakeApiServer other;
  auto config = config_at(server.kubeconfig());
  config.ca.file = other.authority().certificate();
  EXPECT_THAT(refusal(config), HasSubstr("not issued by the cluster's CA"));
  EXPECT_TRUE(server.calls().empty());
}

TEST(TransportTls, TrustsWhatTheSystemTrustsOnlyWhenThatIsTheClustersCa) {
  rig::FakeApiServer server;
  // Read by OpenSSL's default paths: they must not count.
  setenv("SSL_CERT_FILE", server.authority().certificate().c_str(), 1);
  rig::FakeApiServer other;
  auto config = config_at(server.kubeconfig());
  config.ca.file = other.authority().certificate();
  const auto message = refusal(config);
  unsetenv("SSL_CERT_FILE");
  EXPECT_THAT(message, HasSubstr("not issued by the cluster's CA"));
}

TEST(TransportTls, RefusesACertificateForAnotherHost) {
  rig::FakeApiServer server(certified({.names = {"DNS:other.example", "IP:10.0.0.1"}}));
  EXPECT_THAT(refusal(config_at(server.kubeconfig())), HasSubstr("does not name 127.0.0.1"));
}

TEST(TransportTls, TakesTheNameThatTlsServerNameSays) {
  rig::FakeApiServer server(certified({.names = {"DNS:kubernetes.default.svc"}}));
  const auto as = [&](const std::string& name) {
    return config_at(server.kubeconfig("{token: admin-token}", ", tls-server-name: " + name));
  };
  EXPECT_EQ(refusal(as("kubernetes.default.svc")), "answered 200");
  EXPECT_THAT(refusal(as("kubernetes.default")), HasSubstr("does not name kubernetes.default;"));
}

TEST(TransportTls, NeverTakesTheNameFromTheSubjectOfACertificate) {
  rig::FakeApiServer server(certified({.names = {}}));  // its common name is "apiserver"
  EXPECT_THAT(refusal(config_at(server.kubeconfig("{token: t}", ", tls-server-name: apiserver"))),
              HasSubstr("does not name apiserver"));
}

TEST(TransportTls, RefusesAnExpiredCertificate) {
  rig::FakeApiServer server(certified({.expired = true}));
  EXPECT_THAT(refusal(config_at(server.kubeconfig())), HasSubstr("expired"));
}

TEST(TransportTls, ReachesAnIpv6Literal) {
  rig::FakeApiServer server({.certificate = {}, .address = "::1"});
  const auto response = asked(config_at(server.kubeconfig()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  rig::FakeApiServer other({.certificate = {.names = {"IP:::2"}}, .address = "::1"});
  EXPECT_THAT(refusal(config_at(other.kubeconfig())),
              AllOf(HasSubstr("https://[::1]:"), HasSubstr("does not name ::1")));
}

TEST(TransportTls, ReachesAHostByNameWhicheverOfItsAddressesAnswers) {
  rig::FakeApiServer server;  // on 127.0.0.1 alone; localhost may be ::1 first
  auto config = config_at(server.kubeconfig());
  config.host = "localhost";
  const auto response = asked(config);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(server.calls().at(0).header_at("host"), "localhost");
}

TEST(TransportTls, SaysThatAHostHasNoAddress) {
  rig::FakeApiServer server;
  auto config = config_at(server.kubeconfig());
  config.host = "no-such-host.invalid";
  const auto response = asked(config);
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, HasSubstr("no-such-host.invalid"));
}

TEST(TransportTls, ShowsItsClientCertificate) {
  rig::FakeApiServer server({.certificate = {}, .needs_client_certificate = true});
  const auto mine = server.authority().issue("me", {.names = {}});
  const auto user =
      "{client-certificate: " + mine.certificate.string() + ", client-key: " + mine.key.string() + "}";
  EXPECT_EQ(refusal(config_at(server.kubeconfig(user))), "answered 200");
  EXPECT_THAT(refusal(config_at(server.kubeconfig("{token: admin-token}"))),
              HasSubstr("does it take our certificate"));
}

TEST(TransportTls, ReadsItsClientCertificateAgainOnceItIsRefused) {
  rig::FakeApiServer server({.certificate = {}, .needs_client_certificate = true});
  rig::TempFolder stranger_folder;
  const rig::CertificateAuthority stranger(stranger_folder.path());
  const auto copy = [&](const rig::CertificateFiles& files) {
    server.folder().write("mine.crt", rig::read_file(files.certificate));
    server.folder().write("mine.key", rig::read_file(files.key));
  };
  copy(stranger.issue("me", {.names = {}}));
  const auto transport = make_http_transport(
      config_at(server.kubeconfig("{client-certificate: mine.crt, client-key: mine.key}")));
  EXPECT_FALSE(transport->send(get(kPods), {}));
  copy(server.authority().issue("me", {.names = {}}));
  const auto response = transport->send(get(kPods), {});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
}

TEST(TransportTls, SaysWhichPemTextCannotBeUsed) {
  rig::FakeApiServer server;
  auto config = config_at(server.kubeconfig());
  config.ca = {.text = "no PEM", .file = {}};
  EXPECT_THAT(refusal(config), HasSubstr("the cluster's CA holds no PEM certificate"));
  config.ca = {.text = {}, .file = "/none"};
  EXPECT_THAT(refusal(config), HasSubstr("the cluster's CA: /none cannot be read"));
  const auto one = server.authority().issue("one", {.names = {}});
  const auto two = server.authority().issue("two", {.names = {}});
  const auto user =
      "{client-certificate: " + one.certificate.string() + ", client-key: " + two.key.string() + "}";
  EXPECT_THAT(refusal(config_at(server.kubeconfig(user))),
              HasSubstr("does not belong to the client certificate"));
}

TEST(TransportTls, ReadsARotatedTokenAfterA401AndAsksOnceMore) {
  rig::FakeApiServer server;
  server.folder().write("token", "first");
  server.set_tokens({"first"});
  const auto client = client_of(config_at(server.kubeconfig("{tokenFile: token}")));
  ASSERT_TRUE(client->call(get(kPods), {}));
  server.folder().write("token", "second");
  server.set_tokens({"second"});
  const auto answer = client->call(get(kPods), {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(server.calls().size(), 3U);
  server.set_tokens({});
  EXPECT_EQ(client->call(get(kPods), {}).error().status, 401);
}

TEST(TransportTls, NamesItselfAndAsksForJson) {
  rig::FakeApiServer server;
  ASSERT_TRUE(asked(config_at(server.kubeconfig())));
  const auto call = server.calls().at(0);
  EXPECT_THAT(call.header_at("user-agent"), HasSubstr("redis-rebalance/"));
  EXPECT_EQ(call.header_at("accept"), "application/json");
  EXPECT_EQ(call.header_at("authorization"), "Bearer admin-token");
}

TEST(TransportTls, NoErrorHoldsTheToken) {
  rig::FakeApiServer server;
  for (const auto kind : {rig::Fault::Kind::kCut, rig::Fault::Kind::kCutInAnswer}) {
    server.fail({.kind = kind});
    const auto response = asked(config_at(server.kubeconfig()));
    ASSERT_FALSE(response);
    EXPECT_THAT(response.error().message, Not(HasSubstr("admin-token")));
  }
}

}  // namespace
}  // namespace rebalance
