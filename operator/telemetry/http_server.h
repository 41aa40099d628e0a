// A small HTTP/1.1 server for probes and metrics: GET and HEAD of a few fixed paths.
//
// One thread serves all peers without waiting for any: an answer is closed after it was sent, a peer that is
// slow is dropped after `patience`, and where all places are taken the one that has been there longest gives
// way, so that idle peers never keep a probe out. Handlers run on that thread, one at a time, and must
// return at once; one that throws is a 500. No request body is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace rebalance {

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};
using HttpHandler = std::function<HttpAnswer()>;

struct HttpServerOptions {
  // "HOST:PORT" with a literal IP: ":8080" (IPv4 and IPv6), "127.0.0.1:8080", "[::1]:8080"; port 0: any.
  std::string address = ":8080";
  std::size_t most_peers = 64;
  std::size_t most_header_bytes = 8192;  // of request line and headers; more is answered with 431
  Millis patience{5000};                 // to send a request, and again to take its answer
};

class HttpServer {
  class Loop;

 public:
  // By path, without a query: "/metrics". kInvalidInput: no such address; kUnavailable: it cannot be had.
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                   std::map<std::string, HttpHandler> handlers);
  ~HttpServer();  // ends all connections; takes as long as the handler that is running

  explicit HttpServer(std::unique_ptr<Loop> loop);  // start()'s own
  std::uint16_t port() const;

 private:
  std::unique_ptr<Loop> loop_;
};

}  // namespace rebalance
