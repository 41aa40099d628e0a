#include "kube/tls.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "tls/context.h"

namespace rebalance {
namespace {

constexpr PemSentences kSentences{.code = ErrorCode::kRefused,
                                  .no_authority = "the cluster's CA holds no PEM certificate",
                                  .no_certificate = "the client certificate is no PEM certificate",
                                  .no_key = "the client key is no PEM key without passphrase",
                                  .foreign_key = "the client key does not belong to the client certificate"};

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

std::string sentence_of(int verdict, const std::string& name) {
  return why_refused(
      verdict,
      {.other_name = fmt::format("the server's certificate does not name {}; is it the right server? "
                                 "tls-server-name in the kubeconfig sets another name to expect",
                                 name),
       .expired = "the server's certificate, or its CA's, has expired: renew it",
       .not_yet_valid = "the server's certificate is not valid yet: look at the clocks",
       .other_authority = "the server's certificate was not issued by the cluster's CA; is it the right CA, "
                          "and the right server?"});
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
  TRY_OK(set_up(context, {identity.ca, identity.certificate, identity.key}, kSentences));
  X509_VERIFY_PARAM* const checks = SSL_CTX_get0_param(context);
  // As Go: only the names of the certificate's extension count, never its subject.
  X509_VERIFY_PARAM_set_hostflags(checks,
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  expect_name(checks, identity.name);
  auto watcher = std::make_unique<Watcher>(Watcher{verdict, identity.name});
  SSL_CTX_set_cert_verify_callback(context, verify, watcher.get());
  SSL_CTX_set_ex_data(context, watcher_index(), watcher.release());
  return {};
}

Status check(const TlsIdentity& identity) {
  TRY(context, make_client_context());
  return guard(context.get(), identity, std::make_shared<TlsVerdict>());
}

}  // namespace rebalance
