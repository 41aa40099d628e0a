// One connection to one server: plain or TLS, authenticated, with time-outs on everything.
//
// A connection is used by one thread at a time; only interrupt() may come from another one. After any error
// or time-out it is dead, since a late reply would be taken for the next command's: open a new one and read
// the state again. The code of an Error says what is known of the commands:
//   kUnavailable  nothing was sent: none of them ran
//   kTimeout      they may or may not have run: look, then decide
// and for open() also kRefused (credentials or certificates: trying again does not help) and kInvalidInput (a
// PEM text that cannot be read). No message holds a secret.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "redis/reply.h"

namespace rebalance {

using Args = std::vector<std::string>;  // binary safe

struct Endpoint {
  std::string host;  // IPv4 or IPv6 literal, or a name
  int port = 6379;
  std::string text() const;  // "10.0.0.7:6379", "[::1]:6379"
  auto operator<=>(const Endpoint&) const = default;
};

// How to be let in. `server_name` is what the certificate must name; empty: the endpoint's host.
struct Access {
  std::string username, password;  // both empty: no AUTH; username empty: the default user
  bool tls = false;
  std::string ca, certificate, key;  // PEM texts; certificate and key for mutual TLS only
  std::string server_name;
};

struct ConnectOptions {
  Endpoint endpoint;
  std::function<Result<Access>()>
      access;                    // asked at each connect, so that rotated secrets are read again; empty: none
  std::string client_name;       // CLIENT SETNAME; empty: none
  Millis connect_timeout{2000};  // TCP, and again for the TLS handshake
  Millis command_timeout{5000};  // between two replies, see set_timeout
};

class Connection {
 public:
  static Result<Connection> open(const ConnectOptions& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // An error that the server answers is a Reply of type kError, not an Error.
  Result<Reply> command(const Args& args);

  // One reply for each command, in order. Writing and reading are interleaved and at most about 256 KiB of
  // commands wait in memory, so pipelines of any length cannot deadlock.
  Result<std::vector<Reply>> pipeline(std::span<const Args> commands);

  // The same on several connections at the same time, by this one thread: one result for each of `talks`, in
  // their order. A connection may be named once.
  struct Talk {
    Connection* connection;
    std::span<const Args> commands;
  };
  static std::vector<Result<std::vector<Reply>>> pipelines(std::span<const Talk> talks);

  // From here on what is published to this subscriber is kept for take_messages() instead of counting as a
  // reply; messages that came before a reply are there when that is.
  void keep_messages();
  std::vector<Reply> take_messages();

  // The longest wait for the next reply (or for the server to take more of the commands) from here on.
  void set_timeout(Millis timeout);

  // Ends a call that waits in another thread within milliseconds; the connection is dead afterwards. The
  // object must not be moved or destroyed meanwhile.
  void interrupt();

  // From the first byte of a command to the first reply, the quickest so far: the way there and back, and
  // hardly more.
  std::chrono::microseconds round_trip() const;

  bool broken() const;
  const Endpoint& endpoint() const;

 private:
  struct Link;
  struct Exchange;
  explicit Connection(std::unique_ptr<Link> link);
  std::unique_ptr<Link> link_;
};

}  // namespace rebalance
