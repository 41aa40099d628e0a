// How a connection to the API server is guarded: its CA alone, TLS >= 1.2, and the name in its certificate.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"

namespace rebalance {

struct TlsIdentity {
  std::string ca;           // PEM
  std::string name;         // what the certificate must name: a DNS name or an IP literal
  std::string certificate;  // PEM, ours; empty: none
  std::string key;          // PEM
  bool operator==(const TlsIdentity&) const = default;
};

// What the last verification of a server's certificate complained of. Thread-safe.
class TlsVerdict {
 public:
  // The sentence for a person, or empty; the next call finds nothing.
  std::string take();
  void note(std::string sentence);

 private:
  std::mutex mutex_;
  std::string sentence_;
};

// Makes every connection of `context` so guarded; refusals are noted in `verdict`. kRefused names the PEM
// text that cannot be used.
Status guard(SSL_CTX* context, const TlsIdentity& identity, const std::shared_ptr<TlsVerdict>& verdict);

// The same without a connection: is the identity usable?
Status check(const TlsIdentity& identity);

}  // namespace rebalance
