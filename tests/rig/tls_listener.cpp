#include "rig/tls_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace rig {
namespace {

void check(bool ok, const std::string& what) {
  if (!ok) throw std::system_error(errno, std::generic_category(), what);
}

int listening_socket(const std::string& address, int& port) {
  const bool v6 = address.find(':') != std::string::npos;
  const int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd >= 0, "socket");
  sockaddr_in6 six{.sin6_family = AF_INET6};
  sockaddr_in four{.sin_family = AF_INET};
  check(inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(),
                  v6 ? static_cast<void*>(&six.sin6_addr) : static_cast<void*>(&four.sin_addr)) == 1,
        "address " + address);
  auto* const where = v6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
  socklen_t length = v6 ? sizeof six : sizeof four;
  check(bind(fd, where, length) == 0 && listen(fd, 128) == 0, "listen on " + address);
  check(getsockname(fd, where, &length) == 0, "getsockname");
  port = ntohs(v6 ? six.sin6_port : four.sin_port);
  return fd;
}

SSL_CTX* context_of(const TlsListenerOptions& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  const bool ok =
      SSL_CTX_use_certificate_chain_file(context, options.certificate.certificate.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, options.certificate.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!ok) throw std::runtime_error("the server's certificate cannot be used");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (options.client_ca.empty()) return context;
  SSL_CTX_load_verify_locations(context, options.client_ca.c_str(), nullptr);
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (options.needs_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  return context;
}

}  // namespace

TlsConnection::TlsConnection(int socket, SSL* ssl) : socket_(socket), ssl_(ssl) {
  const int yes = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  SSL_set_fd(ssl_, socket_);
}

TlsConnection::~TlsConnection() {
  SSL_free(ssl_);
  close(socket_);
}

bool TlsConnection::accept() {
  const bool done = SSL_accept(ssl_) == 1;
  ERR_clear_error();
  return done;
}

bool TlsConnection::read_some(std::string& into) {
  std::array<char, 16384> buffer;
  const int count = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
  ERR_clear_error();
  if (count > 0) into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

bool TlsConnection::write(std::string_view bytes) {
  const bool done = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  ERR_clear_error();
  return done;
}

bool TlsConnection::peer_is_gone() const {
  pollfd look{socket_, POLLRDHUP, 0};
  return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::string TlsConnection::peer_name() const {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_), X509_free);
  std::array<char, 256> name{};
  if (certificate) {
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
  }
  return name.data();
}

void TlsConnection::cut() { shutdown(socket_, SHUT_RDWR); }

TlsListener::TlsListener(const TlsListenerOptions& options, Handler handler)
    : handler_(std::move(handler)), context_(context_of(options), SSL_CTX_free) {
  [[maybe_unused]] static const auto before = std::signal(SIGPIPE, SIG_IGN);
  socket_ = listening_socket(options.address, port_);
  thread_ = std::jthread([this](const std::stop_token& stop) { accept_loop(stop); });
}

TlsListener::~TlsListener() { stop(); }

void TlsListener::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  shutdown(socket_, SHUT_RDWR);  // ends accept()
  thread_.join();
  close(socket_);
  cut_all();
  const std::scoped_lock lock(mutex_);
  served_.clear();
}

void TlsListener::accept_loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int peer = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) continue;
    ++accepted_;
    reap();
    serve(peer);
  }
}

void TlsListener::serve(int socket) {
  const std::scoped_lock lock(mutex_);
  auto& served = served_.emplace_back();
  served.connection = std::make_unique<TlsConnection>(socket, SSL_new(context_.get()));
  served.thread = std::jthread([this, &served] {
    if (served.connection->accept()) handler_(*served.connection);
    served.connection->cut();
    served.over = true;
  });
}

void TlsListener::reap() {
  const std::scoped_lock lock(mutex_);
  served_.remove_if([](const Served& served) { return served.over.load(); });
}

std::size_t TlsListener::open_connections() {
  reap();
  const std::scoped_lock lock(mutex_);
  return served_.size();
}

void TlsListener::cut_all() {
  const std::scoped_lock lock(mutex_);
  for (auto& served : served_) served.connection->cut();
}

}  // namespace rig
