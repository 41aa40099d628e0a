#include "rig/client.h"

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>

#include <stdexcept>

namespace rig {
namespace {

timeval timeval_of(Milliseconds time) { return {time.count() / 1000, (time.count() % 1000) * 1000}; }

Reply converted(const redisReply& raw) {
  Reply reply;
  switch (raw.type) {
    case REDIS_REPLY_INTEGER: reply.type = Reply::Type::kInteger; break;
    case REDIS_REPLY_STATUS: reply.type = Reply::Type::kStatus; break;
    case REDIS_REPLY_ERROR: reply.type = Reply::Type::kError; break;
    case REDIS_REPLY_NIL: reply.type = Reply::Type::kNil; break;
    case REDIS_REPLY_ARRAY: reply.type = Reply::Type::kArray; break;
    default: reply.type = Reply::Type::kString;
  }
  reply.integer = raw.integer;
  if (raw.str != nullptr) reply.text.assign(raw.str, raw.len);
  for (size_t i = 0; i < raw.elements; ++i) reply.elements.push_back(converted(*raw.element[i]));
  return reply;
}

// The servers' certificates are of the rig's own CA; names are not looked at.
redisSSLContext* tls_context(const Endpoint& endpoint) {
  if (endpoint.ca.empty()) return nullptr;
  [[maybe_unused]] static const int once = redisInitOpenSSL();
  redisSSLContextError problem = REDIS_SSL_CTX_NONE;
  const bool mutual = !endpoint.certificate.empty();
  redisSSLContext* context =
      redisCreateSSLContext(endpoint.ca.c_str(), nullptr, mutual ? endpoint.certificate.c_str() : nullptr,
                            mutual ? endpoint.key.c_str() : nullptr, nullptr, &problem);
  if (context == nullptr) throw std::runtime_error(redisSSLContextGetError(problem));
  return context;
}

}  // namespace

Client::Client(const Endpoint& endpoint, Milliseconds timeout)
    : where_(endpoint.host + ":" + std::to_string(endpoint.port)),
      tls_(tls_context(endpoint), redisFreeSSLContext),
      context_(redisConnectWithTimeout(endpoint.host.c_str(), endpoint.port, timeval_of(timeout)),
               redisFree) {
  if (!context_ || context_->err != 0) fail("connect");
  redisSetTimeout(context_.get(), timeval_of(timeout));
  if (tls_ && redisInitiateSSLWithContext(context_.get(), tls_.get()) != REDIS_OK) fail("TLS handshake");
  if (endpoint.password.empty()) return;
  must(endpoint.user.empty() ? Arguments{"AUTH", endpoint.password}
                             : Arguments{"AUTH", endpoint.user, endpoint.password});
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Reply Client::command(const Arguments& arguments) {
  send(arguments);
  return receive();
}

Reply Client::must(const Arguments& arguments) {
  Reply reply = command(arguments);
  if (reply.is_error()) throw std::runtime_error(where_ + ": " + arguments.front() + ": " + reply.text);
  return reply;
}

void Client::send(const Arguments& arguments) {
  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const auto& argument : arguments) {
    texts.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(), sizes.data()) !=
      REDIS_OK)
    fail(arguments.front());
}

Reply Client::receive() {
  void* raw = nullptr;
  if (redisGetReply(context_.get(), &raw) != REDIS_OK || raw == nullptr) fail("read");
  const std::unique_ptr<void, void (*)(void*)> owner(raw, freeReplyObject);
  return converted(*static_cast<redisReply*>(raw));
}

std::vector<Reply> Client::pipeline(const std::vector<Arguments>& commands) {
  for (const auto& arguments : commands) send(arguments);
  std::vector<Reply> replies;
  replies.reserve(commands.size());
  for (size_t i = 0; i < commands.size(); ++i) replies.push_back(receive());
  return replies;
}

void Client::fail(const std::string& what) const {
  const std::string why = context_ ? context_->errstr : "out of memory";
  throw std::runtime_error(where_ + ": " + what + ": " + why);
}

std::string info_field(const std::string& info, const std::string& name) {
  const auto begin = info.starts_with(name + ":") ? 0 : info.find("\n" + name + ":");
  if (begin == std::string::npos) return "";
  const auto value = info.find(':', begin) + 1;
  return info.substr(value, info.find_first_of("\r\n", value) - value);
}

}  // namespace rig
