// HTTP to one API server: the seam behind which the HTTP library is hidden, and faults are made in tests.
//
// An implementation knows the server's address, its CA and how to authenticate; callers name paths. It
// neither retries nor follows redirects. Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace rebalance {

struct HttpRequest {
  std::string method = "GET";
  std::string path;          // from the root, with the query: "/api/v1/pods?limit=500"
  std::string body;          // empty: none
  std::string content_type;  // of the body: "application/json", "application/apply-patch+yaml", ...
  Millis deadline{10'000};   // of the whole exchange, for send(); of the headers, for stream()
  std::size_t most_bytes = std::size_t{32} << 20;  // of the answer, for send(); of one line, for stream()
};

struct HttpResponse {
  int status = 0;
  std::string body;                   // of stream(): only when status is not 200
  std::optional<Millis> retry_after;  // the header, when it was there
};

class Transport {
 public:
  virtual ~Transport() = default;

  // The answer, whatever its status. kTimeout: past the deadline; kUnavailable: no connection, or it broke;
  // kRefused: the TLS handshake failed, or no credentials could be had; kStopped: `stop` was asked for;
  // kInvalidInput: the answer is larger than allowed.
  virtual Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) = 0;

  // Gives each line of a 200's body, without its newline, as soon as it is whole, one after the other;
  // returns when the server ends the stream, or `line` returns false. Silence for `idle` is kTimeout.
  virtual Result<HttpResponse> stream(const HttpRequest& request, Millis idle,
                                      const std::function<bool(std::string_view)>& line,
                                      std::stop_token stop) = 0;
};

}  // namespace rebalance
