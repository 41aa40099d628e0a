// A plain connection to a server, on hiredis alone: the judge of the program must not share its code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rig/process.h"

struct redisContext;
struct redisSSLContext;

namespace rig {

struct Endpoint {
  std::string host = "127.0.0.1";
  int port = 0;
  std::string user;          // empty with a password: the default user
  std::string password;      // empty: no AUTH
  std::filesystem::path ca;  // of TLS; empty: plain
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct Reply {
  enum class Type { kNil, kString, kStatus, kInteger, kArray, kError };
  Type type = Type::kNil;
  std::string text;  // of a string, a status or an error
  int64_t integer = 0;
  std::vector<Reply> elements;

  bool is_error() const { return type == Type::kError; }
  bool is_nil() const { return type == Type::kNil; }
};

using Arguments = std::vector<std::string>;

// One connection, opened at once. Whatever goes wrong with it is thrown as std::runtime_error, and the
// connection is then of no further use; an error reply of the server is a Reply. Not thread-safe.
class Client {
 public:
  explicit Client(const Endpoint& endpoint, Milliseconds timeout = Milliseconds(15'000));
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  Reply command(const Arguments& arguments);
  Reply must(const Arguments& arguments);  // throws on an error reply as well

  // A pipeline: send() only queues, receive() sends what is queued and reads the next reply in order.
  void send(const Arguments& arguments);
  Reply receive();
  std::vector<Reply> pipeline(const std::vector<Arguments>& commands);

 private:
  [[noreturn]] void fail(const std::string& what) const;

  std::string where_;
  std::unique_ptr<redisSSLContext, void (*)(redisSSLContext*)> tls_;
  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

// The value of "name:value" in an INFO text; empty when it is not there.
std::string info_field(const std::string& info, const std::string& name);

}  // namespace rig
