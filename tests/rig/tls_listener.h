// A TLS server for tests: plain sockets and OpenSSL, one thread a connection.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "rig/certificates.h"

namespace rig {

// The server's end. All calls block; cut() may come from any thread and ends them.
class TlsConnection {
 public:
  TlsConnection(int socket, SSL* ssl);
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  bool accept();                      // the handshake
  bool read_some(std::string& into);  // false: the peer is gone
  bool write(std::string_view bytes);
  bool peer_is_gone() const;      // looks without waiting
  std::string peer_name() const;  // the common name of its certificate; empty: it showed none
  void cut();                     // no word of farewell: what a broken network looks like

 private:
  int socket_;
  SSL* ssl_;
};

struct TlsListenerOptions {
  CertificateFiles certificate;
  std::filesystem::path client_ca;    // certificates of clients that show one must be of this CA
  std::string address = "127.0.0.1";  // an IP literal
  bool needs_client_certificate = false;
};

class TlsListener {
 public:
  using Handler = std::function<void(TlsConnection&)>;

  // On a free port. `handler` runs on a thread of each connection's own and returns when it is over.
  TlsListener(const TlsListenerOptions& options, Handler handler);
  ~TlsListener();  // cuts all
  TlsListener(const TlsListener&) = delete;
  TlsListener& operator=(const TlsListener&) = delete;

  int port() const { return port_; }
  std::size_t open_connections();
  int accepted() const { return accepted_; }
  void cut_all();
  void stop();

 private:
  struct Served {
    std::unique_ptr<TlsConnection> connection;
    std::atomic<bool> over = false;
    std::jthread thread;  // last: it ends before what it uses
  };
  void accept_loop(const std::stop_token& stop);
  void serve(int socket);
  void reap();

  Handler handler_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  int socket_ = -1;
  int port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::list<Served> served_;
  std::jthread thread_;
};

}  // namespace rig
