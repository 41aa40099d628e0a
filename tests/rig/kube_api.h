// A plain client of an API server, on sockets and OpenSSL alone: the judge of the program must not share its
// code. One connection for each call.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "rig/process.h"

namespace rig {

struct HttpTarget {  // on loopback
  int port = 0;
  std::filesystem::path ca;  // empty: no TLS
  std::string token;         // bearer; empty: none
};

struct HttpAnswer {
  int status = 0;
  std::string body;

  bool ok() const { return status >= 200 && status < 300; }
};

// Throws std::runtime_error when there is no answer within the limit.
HttpAnswer http(const HttpTarget& target, const std::string& method, const std::string& path,
                const std::string& body = "", const std::string& content_type = "application/json",
                Milliseconds limit = Milliseconds(30'000));

// The lines of an answer that does not end (a watch), until `take` says false or none comes within the limit.
void http_lines(const HttpTarget& target, const std::string& path,
                const std::function<bool(const std::string&)>& take,
                Milliseconds limit = Milliseconds(30'000));

// Objects are JSON text, or YAML where it says so. Whatever the server refuses is thrown as
// std::runtime_error with the server's words.
class KubeApi {
 public:
  explicit KubeApi(HttpTarget target) : target_(std::move(target)) {}

  HttpAnswer send(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& content_type = "application/json") const {
    return http(target_, method, path, body, content_type);
  }

  const HttpTarget& target() const { return target_; }
  std::string get(const std::string& path) const { return must("GET", path); }
  std::string create(const std::string& path, const std::string& json) const {
    return must("POST", path, json);
  }
  // A merge patch (RFC 7386).
  std::string merge(const std::string& path, const std::string& json) const {
    return must("PATCH", path, json, "application/merge-patch+json");
  }
  // Server-side apply of YAML or JSON to the object's own path, as a field manager that takes what it wants.
  std::string apply(const std::string& path, const std::string& yaml,
                    const std::string& manager = "rig") const;
  void remove(const std::string& path) const { must("DELETE", path); }  // it may go on to exist for a while

  bool exists(const std::string& path) const { return send("GET", path).ok(); }
  // What a JSON pointer ("/status/state") of the object names: a string as it is, anything else as JSON;
  // nothing where it is not there, or the object is not.
  std::optional<std::string> field(const std::string& path, const std::string& pointer) const;

 private:
  std::string must(const std::string& method, const std::string& path, const std::string& body = "",
                   const std::string& content_type = "application/json") const;

  HttpTarget target_;
};

// Paths. An empty name: the collection.
std::string core_path(const std::string& name_space, const std::string& plural, const std::string& name = "");
std::string rebalance_path(const std::string& name_space, const std::string& name = "");

}  // namespace rig
