#include "redis/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <string_view>

namespace rebalance {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Context = std::unique_ptr<SSL_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using Key = std::unique_ptr<EVP_PKEY, Free>;

bool is_ip(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

Bio read_from(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Certificate next_certificate(BIO* bio) {
  return Certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

// A key with a passphrase is not asked for on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

Status trust(SSL_CTX* context, const std::string& ca) {
  const Bio bio = read_from(ca);
  int found = 0;
  while (const Certificate certificate = next_certificate(bio.get())) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
    ++found;
  }
  ERR_clear_error();
  if (found == 0)
    return invalid_input("the CA certificate (ca.crt of the TLS secret) holds no PEM certificate");
  return {};
}

Status present(SSL_CTX* context, const Access& access) {
  if (access.certificate.empty() && access.key.empty()) return {};
  const Bio chain = read_from(access.certificate);
  const Certificate own = next_certificate(chain.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return invalid_input("the client certificate (tls.crt of the TLS secret) is no PEM certificate");
  }
  while (Certificate issuer = next_certificate(chain.get())) {
    SSL_CTX_add1_chain_cert(context, issuer.get());
  }
  const Bio bio = read_from(access.key);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key)
    return invalid_input("the client key (tls.key of the TLS secret) is no PEM key without passphrase");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    ERR_clear_error();
    return invalid_input(
        "the client key (tls.key of the TLS secret) does not belong to the certificate (tls.crt)");
  }
  return {};
}

void expect_name(SSL* ssl, const std::string& name) {
  if (is_ip(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
    return;
  }
  SSL_set1_host(ssl, name.c_str());
  SSL_set_tlsext_host_name(ssl, name.c_str());
}

const std::string& expected_name(const Access& access, const Endpoint& endpoint) {
  return access.server_name.empty() ? endpoint.host : access.server_name;
}

}  // namespace

Result<SslPtr> make_ssl(const Access& access, const Endpoint& endpoint) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  if (!context) return error(ErrorCode::kInternal, "OpenSSL gives no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  TRY_OK(trust(context.get(), access.ca));
  TRY_OK(present(context.get(), access));
  SslPtr ssl(SSL_new(context.get()));
  if (!ssl) return error(ErrorCode::kInternal, "OpenSSL gives no TLS session");
  expect_name(ssl.get(), expected_name(access, endpoint));
  return ssl;
}

Error handshake_error(SSL* ssl, const Access& access, const Endpoint& endpoint, const std::string& detail) {
  const auto say = [&](const std::string& sentence) {
    return Error{ErrorCode::kRefused, fmt::format("TLS to {}: {}", endpoint.text(), sentence)};
  };
  const long verdict = SSL_get_verify_result(ssl);
  switch (verdict) {
    case X509_V_OK: break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return say(
          fmt::format("the server's certificate does not name {}; set tls.serverName to a name it does hold",
                      expected_name(access, endpoint)));
    case X509_V_ERR_CERT_HAS_EXPIRED: return say("the server's certificate has expired; renew it");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return say("the server's certificate is not valid yet; look at the clocks");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return say("the server's certificate was not issued by the CA in ca.crt of the TLS secret");
    default:
      return say(
          fmt::format("the server's certificate is refused: {}", X509_verify_cert_error_string(verdict)));
  }
  if (detail.find("wrong version number") != std::string::npos ||
      detail.find("packet length") != std::string::npos) {
    return say("the port does not speak TLS; leave out tls or name the TLS port");
  }
  return {ErrorCode::kUnavailable,
          fmt::format("TLS to {}: the handshake failed: {}", endpoint.text(), detail)};
}

}  // namespace rebalance
