#include "kube/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "kube/name_lookup.h"

namespace rebalance {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
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

std::unexpected<Error> refusal(const char* sentence) {
  ERR_clear_error();
  return error(ErrorCode::kRefused, sentence);
}

// A store of its own: what the system trusts is not what the cluster trusts.
Status trust_only(SSL_CTX* context, const std::string& ca) {
  Owned<X509_STORE> store(X509_STORE_new());
  const auto bio = read_from(ca);
  int found = 0;
  while (const auto certificate = next_certificate(bio.get())) {
    X509_STORE_add_cert(store.get(), certificate.get());
    ++found;
  }
  ERR_clear_error();
  if (found == 0) return refusal("the cluster's CA holds no PEM certificate");
  SSL_CTX_set_cert_store(context, store.release());
  return {};
}

Status present(SSL_CTX* context, const TlsIdentity& identity) {
  if (identity.certificate.empty()) return {};
  const auto chain = read_from(identity.certificate);
  const auto own = next_certificate(chain.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return refusal("the client certificate is no PEM certificate");
  }
  while (const auto issuer = next_certificate(chain.get())) SSL_CTX_add1_chain_cert(context, issuer.get());
  const auto bio = read_from(identity.key);
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return refusal("the client key is no PEM key without passphrase");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return refusal("the client key does not belong to the client certificate");
  }
  ERR_clear_error();
  return {};
}

void expect_name(SSL_CTX* context, const std::string& name) {
  X509_VERIFY_PARAM* const checks = SSL_CTX_get0_param(context);
  // As Go: only the names of the certificate's extension count, never its subject.
  X509_VERIFY_PARAM_set_hostflags(checks,
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_ip_literal(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(checks, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(checks, name.c_str(), name.size());
  }
}

// Lives as long as the context that it belongs to: connections outlive the client that made them.
struct Watcher {
  std::shared_ptr<TlsVerdict> verdict;
  std::string name;
};

void free_watcher(void*, void* watcher, CRYPTO_EX_DATA*, int, long, void*) {
  const std::unique_ptr<Watcher> owned(static_cast<Watcher*>(watcher));
}

int watcher_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_watcher);
  return index;
}

std::string sentence_of(int failure, const std::string& name) {
  switch (failure) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format(
          "the server's certificate does not name {}; is it the right server? "
          "tls-server-name in the kubeconfig sets another name to expect",
          name);
    case X509_V_ERR_CERT_HAS_EXPIRED: return "the server's certificate, or its CA's, has expired: renew it";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet: look at the clocks";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the server's certificate was not issued by the cluster's CA; is it the right CA, and the right "
             "server?";
    default:
      return fmt::format("the server's certificate is refused: {}", X509_verify_cert_error_string(failure));
  }
}

// OpenSSL's own verification, and why it failed: the HTTP library gives no reason.
int verify(X509_STORE_CTX* chain, void* argument) {
  const int verdict = X509_verify_cert(chain);
  if (verdict != 1) {
    const auto& watcher = *static_cast<const Watcher*>(argument);
    watcher.verdict->note(sentence_of(X509_STORE_CTX_get_error(chain), watcher.name));
  }
  return verdict;
}

}  // namespace

std::string TlsVerdict::take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(sentence_, {});
}

void TlsVerdict::note(std::string sentence) {
  const std::scoped_lock lock(mutex_);
  sentence_ = std::move(sentence);
}

Status guard(SSL_CTX* context, const TlsIdentity& identity, const std::shared_ptr<TlsVerdict>& verdict) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  TRY_OK(trust_only(context, identity.ca));
  TRY_OK(present(context, identity));
  expect_name(context, identity.name);
  auto watcher = std::make_unique<Watcher>(Watcher{verdict, identity.name});
  SSL_CTX_set_cert_verify_callback(context, verify, watcher.get());
  SSL_CTX_set_ex_data(context, watcher_index(), watcher.release());
  return {};
}

Status check(const TlsIdentity& identity) {
  const Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return error(ErrorCode::kInternal, "OpenSSL gives no TLS context");
  return guard(context.get(), identity, std::make_shared<TlsVerdict>());
}

}  // namespace rebalance
