#include "kube/server_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/text.h"

namespace rebalance {
namespace {

constexpr std::string_view kScheme = "https://";

std::unexpected<Error> refusal(const std::string& text, const char* why) {
  return invalid_input(fmt::format("the server \"{}\" {}", text, why));
}

bool is_host_text(std::string_view host, bool in_brackets) {
  return !host.empty() && std::ranges::all_of(host, [&](char c) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    return plain || (in_brackets && c == ':');
  });
}

}  // namespace

Result<ServerUrl> parse_server_url(const std::string& text) {
  if (text.empty()) return invalid_input("the cluster names no server");
  if (!text.starts_with(kScheme)) return refusal(text, "is not https://...: only TLS is spoken here");
  ServerUrl url;
  std::string_view rest = std::string_view(text).substr(kScheme.size());
  if (rest.find_first_of("?#@") != std::string_view::npos) {
    return refusal(text, "has a user, a query or a fragment: it may have a host, a port and a path");
  }
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    url.path = rest.substr(slash);
    while (url.path.ends_with('/')) url.path.pop_back();
    rest = rest.substr(0, slash);
  }
  const bool in_brackets = rest.starts_with('[');
  const auto end = in_brackets ? rest.find(']') : rest.find(':');
  if (in_brackets && end == std::string_view::npos) return refusal(text, "has a [ without its ]");
  url.host = in_brackets ? rest.substr(1, end - 1) : rest.substr(0, end);
  if (!is_host_text(url.host, in_brackets)) return refusal(text, "names no host");
  rest = end == std::string_view::npos ? "" : rest.substr(end + (in_brackets ? 1 : 0));
  if (rest.empty()) return url;
  if (!rest.starts_with(':')) return refusal(text, "has something other than a port after its host");
  rest.remove_prefix(1);
  const auto port = whole_number<std::uint16_t>(rest);
  if (!port || *port == 0) {
    return refusal(text, "has no port between 1 and 65535 after its host (IPv6 stands in brackets)");
  }
  url.port = *port;
  return url;
}

}  // namespace rebalance
