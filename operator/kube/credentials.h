// How calls say who they are: a token, a client certificate, or both.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace rebalance {

// Secrets: they go nowhere but into a connection.
struct Credentials {
  std::string token;        // of a bearer; empty: none
  std::string certificate;  // PEM; empty: none
  std::string key;          // PEM
  bool operator==(const Credentials&) const = default;
};

// Implementations are thread-safe.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;

  // What is good now. Cached: files are read again each minute, so that a rotated token is seen in time.
  // kRefused says what is missing.
  virtual Result<Credentials> get(std::stop_token stop) = 0;

  // The server refused what get() gave: the next get() asks anew.
  virtual void refused() = 0;
};

// A text that a configuration holds itself, or names a file of.
struct TextSource {
  std::string text;
  std::string file;  // read when `text` is empty

  bool is_given() const { return !text.empty() || !file.empty(); }
  // Empty when nothing is given. kRefused: the file cannot be read, or is empty; `what` names it to a person.
  Result<std::string> read(const std::string& what) const;
};

// Thread-safe.
class FileCredentials : public CredentialSource {
 public:
  struct Sources {
    TextSource token, certificate, key;
  };
  explicit FileCredentials(Sources sources) : sources_(std::move(sources)) {}

  Result<Credentials> get(std::stop_token stop) override;
  void refused() override;

 private:
  Result<Credentials> read() const;

  const Sources sources_;
  std::mutex mutex_;
  std::optional<Credentials> cached_;
  Instant read_at_;
};

}  // namespace rebalance
