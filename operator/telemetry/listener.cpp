#include "telemetry/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

namespace rebalance {
namespace {

constexpr int kBacklog = 128;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
};

Address address_of(const in6_addr& host, std::uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = host;
  Address address;
  std::memcpy(&address.storage, &six, sizeof six);
  address.size = sizeof six;
  return address;
}

Address address_of(const in_addr& host, std::uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  four.sin_addr = host;
  Address address;
  std::memcpy(&address.storage, &four, sizeof four);
  address.size = sizeof four;
  return address;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::nullopt;
  auto host = std::string(text.substr(0, colon));
  if (host.empty()) return address_of(in6addr_any, *port);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return address_of(four, *port);
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1) return address_of(six, *port);
  return std::nullopt;
}

std::uint16_t bound_port(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  sockaddr_in6 six{};  // the port stands at the same place in both families
  std::memcpy(&six, &storage, sizeof six);
  return ntohs(six.sin6_port);
}

// nullopt: errno says why.
std::optional<Listener> try_listen(const Address& address) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return std::nullopt;
  const int on = 1, off = 0;
  setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family() == AF_INET6) setsockopt(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address.storage);
  if (bind(socket.number(), generic, address.size) != 0 || listen(socket.number(), kBacklog) != 0)
    return std::nullopt;
  const auto port = bound_port(socket.number());
  return Listener{std::move(socket), port};
}

}  // namespace

Result<Listener> listen_on(const std::string& text) {
  const auto address = parse_address(text);
  if (!address) {
    return invalid_input(
        fmt::format("{} is no address to listen on: write :PORT, IPV4:PORT or [IPV6]:PORT", text));
  }
  auto listener = try_listen(*address);
  if (!listener && text.starts_with(':') && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
    listener = try_listen(address_of(in_addr{htonl(INADDR_ANY)}, *parse_port(text.substr(1))));
  if (listener) return *std::move(listener);
  const auto why = std::error_code(errno, std::generic_category()).message();
  return error(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", text, why));
}

}  // namespace rebalance
