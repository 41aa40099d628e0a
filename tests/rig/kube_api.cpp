#include "rig/kube_api.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace rig {
namespace {

[[noreturn]] void fail(const std::string& what, int port) {
  throw std::runtime_error("127.0.0.1:" + std::to_string(port) + ": " + what);
}

class Socket {
 public:
  Socket(int port, Milliseconds limit) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), port_(port) {
    const timeval time{.tv_sec = limit.count() / 1000, .tv_usec = limit.count() % 1000 * 1000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
    close(fd_);
    fail("nobody listens", port);
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }
  int port() const { return port_; }

 private:
  int fd_;
  int port_;
};

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Session = std::unique_ptr<SSL, decltype(&SSL_free)>;

// Takes what has come; false: no more is wanted.
using Sink = std::function<bool(std::string_view)>;

// Both directions to the end: HTTP/1.0, so that the server closes and no body comes in chunks.
void exchange_plain(const Socket& socket, const std::string& request, const Sink& sink) {
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t now = send(socket.fd(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) fail("the request could not be sent", socket.port());
    sent += static_cast<size_t>(now);
  }
  char buffer[16384];
  ssize_t size = 0;
  while ((size = recv(socket.fd(), buffer, sizeof buffer, 0)) > 0)
    if (!sink({buffer, static_cast<size_t>(size)})) return;
  if (size < 0) fail("no answer in time", socket.port());
}

void exchange_tls(const Socket& socket, const std::filesystem::path& ca, const std::string& request,
                  const Sink& sink) {
  const Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (SSL_CTX_load_verify_file(context.get(), ca.c_str()) != 1)
    fail("no CA in " + ca.string(), socket.port());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  const Session session(SSL_new(context.get()), SSL_free);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session.get()), "127.0.0.1");
  SSL_set_fd(session.get(), socket.fd());
  if (SSL_connect(session.get()) != 1) fail("the TLS handshake failed", socket.port());
  if (SSL_write(session.get(), request.data(), static_cast<int>(request.size())) <= 0)
    fail("the request could not be sent", socket.port());
  char buffer[16384];
  int size = 0;
  while ((size = SSL_read(session.get(), buffer, sizeof buffer)) > 0)
    if (!sink({buffer, static_cast<size_t>(size)})) return;
  if (SSL_get_error(session.get(), size) != SSL_ERROR_ZERO_RETURN) fail("no answer in time", socket.port());
}

void exchange(const HttpTarget& target, const std::string& request, Milliseconds limit, const Sink& sink) {
  const Socket socket(target.port, limit);
  target.ca.empty() ? exchange_plain(socket, request, sink) : exchange_tls(socket, target.ca, request, sink);
}

std::string head(const HttpTarget& target, const std::string& method, const std::string& path) {
  std::string head = method + " " + path + " HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n";
  if (!target.token.empty()) head += "Authorization: Bearer " + target.token + "\r\n";
  return head;
}

HttpAnswer parsed(const std::string& text, int port) {
  const size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || text.size() < 12 || end == std::string::npos)
    fail("that is no HTTP answer: " + text.substr(0, 80), port);
  return {.status = std::stoi(text.substr(9, 3)), .body = text.substr(end + 4)};
}

std::string joined(std::string path, const std::string& name) {
  return name.empty() ? path : path + "/" + name;
}

}  // namespace

HttpAnswer http(const HttpTarget& target, const std::string& method, const std::string& path,
                const std::string& body, const std::string& content_type, Milliseconds limit) {
  std::string request = head(target, method, path);
  if (!body.empty()) request += "Content-Type: " + content_type + "\r\n";
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::string answer;
  exchange(target, request, limit, [&](std::string_view part) {
    answer += part;
    return true;
  });
  return parsed(answer, target.port);
}

void http_lines(const HttpTarget& target, const std::string& path,
                const std::function<bool(const std::string&)>& take, Milliseconds limit) {
  std::string open;
  bool in_body = false;
  exchange(target, head(target, "GET", path) + "\r\n", limit, [&](std::string_view part) {
    open += part;
    if (const size_t end = open.find("\r\n\r\n"); !in_body && end != std::string::npos) {
      if (const auto answer = parsed(open, target.port); !answer.ok()) fail(answer.body, target.port);
      open.erase(0, end + 4);
      in_body = true;
    }
    for (size_t end = 0; in_body && (end = open.find('\n')) != std::string::npos; open.erase(0, end + 1))
      if (!take(open.substr(0, end))) return false;
    return true;
  });
}

std::string KubeApi::must(const std::string& method, const std::string& path, const std::string& body,
                          const std::string& content_type) const {
  const HttpAnswer answer = send(method, path, body, content_type);
  if (answer.ok()) return answer.body;
  throw std::runtime_error(method + " " + path + ": " + std::to_string(answer.status) + " " + answer.body);
}

std::string KubeApi::apply(const std::string& path, const std::string& yaml,
                           const std::string& manager) const {
  return must("PATCH", path + "?force=true&fieldManager=" + manager, yaml, "application/apply-patch+yaml");
}

std::optional<std::string> KubeApi::field(const std::string& path, const std::string& pointer) const {
  const HttpAnswer answer = send("GET", path);
  if (!answer.ok()) return {};
  const auto object = nlohmann::json::parse(answer.body);
  const nlohmann::json::json_pointer where(pointer);
  if (!object.contains(where)) return {};
  const auto& value = object.at(where);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string core_path(const std::string& name_space, const std::string& plural, const std::string& name) {
  return joined("/api/v1/namespaces/" + name_space + "/" + plural, name);
}

std::string rebalance_path(const std::string& name_space, const std::string& name) {
  return joined("/apis/redisrebalance.io/v1alpha1/namespaces/" + name_space + "/redisrebalances", name);
}

}  // namespace rig
