#include "kube/credentials.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace rebalance {
namespace {

// As client-go does (transport/token_source.go); the kubelet renews a token at four fifths of its life.
constexpr Millis kFresh{60'000};

std::string trimmed(const std::string& text) {
  constexpr auto kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// A line break in a token would end the header that carries it.
bool is_header_text(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

}  // namespace

Result<std::string> TextSource::read(const std::string& what) const {
  if (!text.empty() || file.empty()) return text;
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string read(std::istreambuf_iterator<char>(stream), {});
  if (!stream) {
    return error(ErrorCode::kRefused,
                 fmt::format("{}: {} cannot be read: {}", what, file, std::strerror(errno)));
  }
  if (trimmed(read).empty()) return error(ErrorCode::kRefused, fmt::format("{}: {} is empty", what, file));
  return read;
}

Result<Credentials> FileCredentials::read() const {
  TRY(token, sources_.token.read("the token"));
  TRY(certificate, sources_.certificate.read("the client certificate"));
  TRY(key, sources_.key.read("the client key"));
  Credentials credentials{trimmed(token), certificate, key};
  if (!is_header_text(credentials.token))
    return error(ErrorCode::kRefused, "the token has a line break inside: it must be one line");
  return credentials;
}

Result<Credentials> FileCredentials::get(std::stop_token) {
  const std::scoped_lock lock(mutex_);
  const auto now = BootClock::now();
  if (cached_ && now - read_at_ < kFresh) return *cached_;
  auto fresh = read();
  if (!fresh) return cached_ ? *cached_ : fresh;  // a file that is just being replaced
  cached_ = *fresh;
  read_at_ = now;
  return fresh;
}

void FileCredentials::refused() {
  const std::scoped_lock lock(mutex_);
  cached_.reset();
}

}  // namespace rebalance
