#include "redis/tls.h"

#include <fmt/format.h>

#include "base/host.h"

namespace rebalance {
namespace {

constexpr PemSentences kSentences{
    .code = ErrorCode::kInvalidInput,
    .no_authority = "the CA certificate (ca.crt of the TLS secret) holds no PEM certificate",
    .no_certificate = "the client certificate (tls.crt of the TLS secret) is no PEM certificate",
    .no_key = "the client key (tls.key of the TLS secret) is no PEM key without passphrase",
    .foreign_key = "the client key (tls.key of the TLS secret) does not belong to the certificate (tls.crt)"};

const std::string& expected_name(const Access& access, const Endpoint& endpoint) {
  return access.server_name.empty() ? endpoint.host : access.server_name;
}

}  // namespace

Result<SslPtr> make_ssl(const Access& access, const Endpoint& endpoint) {
  TRY(context, make_client_context());
  TRY_OK(set_up(context.get(), {access.ca, access.certificate, access.key}, kSentences));
  SslPtr ssl(SSL_new(context.get()));
  if (!ssl) return error(ErrorCode::kInternal, "OpenSSL gives no TLS session");
  const auto& name = expected_name(access, endpoint);
  expect_name(SSL_get0_param(ssl.get()), name);
  if (!is_ip_literal(name)) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  return ssl;
}

Error handshake_error(SSL* ssl, const Access& access, const Endpoint& endpoint, const std::string& detail) {
  const auto say = [&](const std::string& sentence) {
    return Error{ErrorCode::kRefused, fmt::format("TLS to {}: {}", endpoint.text(), sentence)};
  };
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    return say(why_refused(
        verdict, {.other_name = fmt::format(
                      "the server's certificate does not name {}; set tls.serverName to a name it does hold",
                      expected_name(access, endpoint)),
                  .expired = "the server's certificate has expired; renew it",
                  .not_yet_valid = "the server's certificate is not valid yet; look at the clocks",
                  .other_authority =
                      "the server's certificate was not issued by the CA in ca.crt of the TLS secret"}));
  }
  if (detail.find("wrong version number") != std::string::npos ||
      detail.find("packet length") != std::string::npos) {
    return say("the port does not speak TLS; leave out tls or name the TLS port");
  }
  return {ErrorCode::kUnavailable,
          fmt::format("TLS to {}: the handshake failed: {}", endpoint.text(), detail)};
}

}  // namespace rebalance
