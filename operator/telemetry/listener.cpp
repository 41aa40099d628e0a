#include "telemetry/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/text.h"

namespace rebalance {
namespace {

constexpr int kBacklog = 128;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
};

template <typename Socket>
Address address_of(const Socket& socket) {
  Address address;
  std::memcpy(&address.storage, &socket, sizeof socket);
  address.size = sizeof socket;
  return address;
}

std::optional<Address> parse_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = whole_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  auto host = colon == 0 ? "::" : std::string(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(*port);
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) return address_of(four);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(*port);
  if (inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) == 1) return address_of(six);
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
  if (!socket) return std::nullopt;
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
    listener = try_listen(*parse_address("0.0.0.0" + text));
  if (listener) return *std::move(listener);
  const auto why = std::error_code(errno, std::generic_category()).message();
  return error(ErrorCode::kUnavailable, fmt::format("cannot listen on {}: {}", text, why));
}

}  // namespace rebalance
