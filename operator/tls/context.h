// What every TLS connection of ours is made with, for OpenSSL: one authority, our certificate, the name to
// expect; and why a server's certificate was refused. What a person is told of it is each caller's own.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace rebalance {

struct TlsDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, TlsDeleter>;
using SslPtr = std::unique_ptr<SSL, TlsDeleter>;

Result<ContextPtr> make_client_context();

// PEM. Without certificate and key we present none.
struct TlsTexts {
  const std::string &ca, &certificate, &key;
};

// The sentences on texts that cannot be used.
struct PemSentences {
  ErrorCode code;
  const char *no_authority, *no_certificate, *no_key, *foreign_key;
};

// TLS >= 1.2, the server is verified, by `ca` alone: what the system trusts does not count.
Status set_up(SSL_CTX* context, const TlsTexts& texts, const PemSentences& sentences);

// The server's certificate must hold `name`: a DNS name, or an IP literal among its IP names.
void expect_name(X509_VERIFY_PARAM* checks, const std::string& name);

// The sentences on a server's certificate.
struct CertificateSentences {
  std::string other_name;
  const char *expired, *not_yet_valid, *other_authority;
};
std::string why_refused(long verdict, const CertificateSentences& sentences);  // `verdict`: X509_V_ERR_...

}  // namespace rebalance
