#include "tls/context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/host.h"

namespace rebalance {
namespace {

struct Free {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> read_from(const std::string& pem) {
  return Owned<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Owned<X509> next_certificate(BIO* bio) {
  return Owned<X509>(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

// A key with a passphrase is not asked for on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

const char* trust_only(SSL_CTX* context, const std::string& ca, const PemSentences& sentences) {
  Owned<X509_STORE> store(X509_STORE_new());
  const auto bio = read_from(ca);
  int found = 0;
  while (const auto certificate = next_certificate(bio.get())) {
    X509_STORE_add_cert(store.get(), certificate.get());
    ++found;
  }
  SSL_CTX_set_cert_store(context, store.release());
  return found == 0 ? sentences.no_authority : nullptr;
}

const char* present(SSL_CTX* context, const TlsTexts& texts, const PemSentences& sentences) {
  const auto chain = read_from(texts.certificate);
  const auto own = next_certificate(chain.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return sentences.no_certificate;
  while (const auto issuer = next_certificate(chain.get())) SSL_CTX_add1_chain_cert(context, issuer.get());
  const auto bio = read_from(texts.key);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return sentences.no_key;
  return SSL_CTX_use_PrivateKey(context, key.get()) == 1 ? nullptr : sentences.foreign_key;
}

}  // namespace

Result<ContextPtr> make_client_context() {
  ContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return error(ErrorCode::kInternal, "OpenSSL gives no TLS context");
  return context;
}

Status set_up(SSL_CTX* context, const TlsTexts& texts, const PemSentences& sentences) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const auto* refusal = trust_only(context, texts.ca, sentences);
  if (refusal == nullptr && !(texts.certificate.empty() && texts.key.empty()))
    refusal = present(context, texts, sentences);
  ERR_clear_error();
  if (refusal != nullptr) return error(sentences.code, refusal);
  return {};
}

void expect_name(X509_VERIFY_PARAM* checks, const std::string& name) {
  if (is_ip_literal(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
}

std::string why_refused(long verdict, const CertificateSentences& sentences) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return sentences.other_name;
    case X509_V_ERR_CERT_HAS_EXPIRED: return sentences.expired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return sentences.not_yet_valid;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return sentences.other_authority;
    default:
      return fmt::format("the server's certificate is refused: {}", X509_verify_cert_error_string(verdict));
  }
}

}  // namespace rebalance
