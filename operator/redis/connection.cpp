#include "redis/connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <hiredis/sds.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>

#include "redis/tls.h"

namespace rebalance {
namespace {

constexpr std::size_t kMostUnsentBytes = std::size_t{256} * 1024;
constexpr int kKeepAliveSeconds = 15;

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, Free>;
using RawReply = std::unique_ptr<redisReply, Free>;

Reply to_reply(const redisReply& raw) {
  Reply reply;
  switch (raw.type) {
    case REDIS_REPLY_INTEGER: return Reply::number(raw.integer);
    case REDIS_REPLY_NIL: return Reply::nil();
    case REDIS_REPLY_STATUS: return Reply::status(std::string(raw.str, raw.len));
    case REDIS_REPLY_ERROR: return Reply::error(std::string(raw.str, raw.len));
    case REDIS_REPLY_ARRAY: break;
    default: return Reply::string(std::string(raw.str, raw.len));
  }
  reply.type = Reply::Type::kArray;
  reply.items.reserve(raw.elements);
  for (std::size_t i = 0; i < raw.elements; ++i) reply.items.push_back(to_reply(*raw.element[i]));
  return reply;
}

timeval to_timeval(Millis time) { return {time.count() / 1000, (time.count() % 1000) * 1000}; }

// A write to a connection that the other side closed must be an error, not the end of the process; hiredis
// and OpenSSL write without MSG_NOSIGNAL.
void ignore_sigpipe() {
  static std::once_flag once;
  std::call_once(once, [] { std::signal(SIGPIPE, SIG_IGN); });
}

std::string connect_sentence(const Endpoint& endpoint, const redisContext& context, Millis timeout) {
  const std::string why = context.errstr;
  const std::string where = endpoint.text();
  if (why.find("refused") != std::string::npos) {
    return fmt::format("{} refused the connection: no server listens on that port", where);
  }
  if (why.find("timed out") != std::string::npos || why.find("unavailable") != std::string::npos) {
    return fmt::format(
        "{} did not answer within {} ms: the host is down, or a firewall or network policy drops packets",
        where, timeout.count());
  }
  return fmt::format("{} cannot be reached: {}", where, why);
}

Result<Context> connect(const ConnectOptions& options) {
  redisOptions how{};
  const timeval timeout = to_timeval(options.connect_timeout);
  REDIS_OPTIONS_SET_TCP(&how, options.endpoint.host.c_str(), options.endpoint.port);
  how.connect_timeout = &timeout;
  how.command_timeout = &timeout;  // for the TLS handshake; later waits are our own
  how.options |= REDIS_OPT_PREFER_IP_UNSPEC;
  Context context(redisConnectWithOptions(&how));
  if (!context) return error(ErrorCode::kInternal, "no memory for a connection");
  if (context->err != 0) {
    return error(ErrorCode::kUnavailable,
                 connect_sentence(options.endpoint, *context, options.connect_timeout));
  }
  fcntl(context->fd, F_SETFD, FD_CLOEXEC);  // hiredis sets it from 1.4 on
  redisEnableKeepAliveWithInterval(context.get(), kKeepAliveSeconds);
  redisSetTcpUserTimeout(context.get(), static_cast<unsigned>(options.command_timeout.count()));
  return context;
}

// The session that `context` speaks over; the context owns it.
Result<SSL*> start_tls(redisContext& context, const Access& access, const Endpoint& endpoint) {
  TRY(ssl, make_ssl(access, endpoint));
  if (redisInitiateSSL(&context, ssl.get()) != REDIS_OK) {
    return std::unexpected(handshake_error(ssl.get(), access, endpoint, context.errstr));
  }
  return ssl.release();
}

// From here on we wait with poll(): one deadline for a reply instead of hiredis' one for each socket call.
void stop_blocking(redisContext& context) {
  fcntl(context.fd, F_SETFL, fcntl(context.fd, F_GETFL) | O_NONBLOCK);
  context.flags &= ~REDIS_BLOCK;
}

}  // namespace

std::string Endpoint::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

// A pipeline that is under way.
struct Connection::Exchange {
  std::span<const Args> commands;
  std::size_t appended = 0;
  bool sent = false;  // any byte
  Instant begun;
  Instant deadline;
  std::vector<Reply> replies;
  std::optional<Error> lost;
  bool over() const { return lost || replies.size() == commands.size(); }
};

struct Connection::Link {
  Endpoint endpoint;
  Millis timeout{0};
  Instant::duration quickest = Instant::duration::max();
  Context context;
  SSL* ssl = nullptr;  // owned by context
  std::atomic<bool> interrupted = false;
  bool dead = false;
  bool keeps_messages = false;
  std::vector<Reply> messages;

  Exchange begin(std::span<const Args> commands);
  void send(Exchange& exchange);
  pollfd awaited() const;
  bool has_more() const { return ssl != nullptr && SSL_pending(ssl) > 0; }  // read already, not by us
  void receive(Exchange& exchange, short events);

 private:
  bool closed_by_peer() const;
  bool append(Exchange& exchange);
  bool write(Exchange& exchange);
  bool take_replies(Exchange& exchange);
  std::size_t unsent() const { return sdslen(context->obuf); }
  Error lose(const Exchange& exchange);
  std::string why(const Exchange& exchange) const;
};

bool Connection::Link::closed_by_peer() const {
  pollfd poll_for{context->fd, POLLRDHUP, 0};
  return poll(&poll_for, 1, 0) > 0;
}

bool Connection::Link::append(Exchange& exchange) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  while (exchange.appended < exchange.commands.size() && unsent() < kMostUnsentBytes) {
    const Args& args = exchange.commands[exchange.appended++];
    texts.clear();
    lengths.clear();
    for (const auto& arg : args) {
      texts.push_back(arg.data());
      lengths.push_back(arg.size());
    }
    if (redisAppendCommandArgv(context.get(), static_cast<int>(args.size()), texts.data(), lengths.data()) !=
        REDIS_OK) {
      return false;
    }
  }
  return true;
}

bool Connection::Link::write(Exchange& exchange) {
  const std::size_t before = unsent();
  if (before == 0) return true;
  int done = 0;
  const bool good = redisBufferWrite(context.get(), &done) == REDIS_OK;
  if (unsent() < before) {
    if (!std::exchange(exchange.sent, true)) exchange.begun = BootClock::now();
    exchange.deadline = BootClock::now() + timeout;
  }
  return good;
}

bool Connection::Link::take_replies(Exchange& exchange) {
  while (exchange.replies.size() < exchange.commands.size()) {
    void* raw = nullptr;
    if (redisGetReplyFromReader(context.get(), &raw) != REDIS_OK) return false;
    if (raw == nullptr) return true;
    const RawReply owned(static_cast<redisReply*>(raw));
    auto reply = to_reply(*owned);
    const bool published = keeps_messages && reply.items.size() == 3 && reply.items[0].text == "message";
    if (!published && exchange.replies.empty())
      quickest = std::min(quickest, BootClock::now() - exchange.begun);
    (published ? messages : exchange.replies).push_back(std::move(reply));
    exchange.deadline = BootClock::now() + timeout;
  }
  return true;
}

Connection::Exchange Connection::Link::begin(std::span<const Args> commands) {
  Exchange exchange{.commands = commands, .deadline = BootClock::now() + timeout};
  if (dead) {
    exchange.lost =
        Error{ErrorCode::kUnavailable, fmt::format("the connection to {} was lost before", endpoint.text())};
  } else if (interrupted || closed_by_peer()) {
    exchange.lost = lose(exchange);
  } else {
    exchange.replies.reserve(commands.size());
  }
  return exchange;
}

void Connection::Link::send(Exchange& exchange) {
  if (!append(exchange) || !write(exchange)) exchange.lost = lose(exchange);
}

pollfd Connection::Link::awaited() const {
  return {context->fd, static_cast<short>(POLLIN | (unsent() > 0 ? POLLOUT : 0)), 0};
}

// Of a poll: broken, interrupted or out of time, or what came is read.
void Connection::Link::receive(Exchange& exchange, short events) {
  const bool readable = (events & ~POLLOUT) != 0 || has_more();
  const bool late = events == 0 && !readable && BootClock::now() >= exchange.deadline;
  const bool good = !interrupted && !late &&
                    (!readable || (redisBufferRead(context.get()) == REDIS_OK && take_replies(exchange)));
  if (!good) exchange.lost = lose(exchange);
}

std::string Connection::Link::why(const Exchange& exchange) const {
  if (interrupted) return "it was told to stop";
  if (context->err == REDIS_ERR_EOF || (context->err == 0 && !exchange.sent))
    return "the server closed the connection";
  if (context->err != 0) return context->errstr;
  return fmt::format("no answer within {} ms", timeout.count());
}

Error Connection::Link::lose(const Exchange& exchange) {
  dead = true;
  const std::string command =
      exchange.commands.empty() ? "" : exchange.commands[exchange.replies.size()].front();
  if (!exchange.sent) {
    return {ErrorCode::kUnavailable,
            fmt::format("{} was not sent to {}: {}", command, endpoint.text(), why(exchange))};
  }
  return {ErrorCode::kTimeout,
          fmt::format("{} on {}: {}; it may or may not have run", command, endpoint.text(), why(exchange))};
}

namespace {

Error not_let_in(const Endpoint& endpoint, const Access& access, const Reply& reply) {
  const auto say = [&](ErrorCode code, const std::string& sentence) {
    return Error{code, fmt::format("{}: {}", endpoint.text(), sentence)};
  };
  const std::string user =
      access.username.empty() ? "the default user" : fmt::format("user '{}'", access.username);
  if (reply.is_error("WRONGPASS") || reply.text.find("invalid password") != std::string::npos) {
    return say(ErrorCode::kRefused,
               fmt::format("wrong password for {}, or no such user; look at the auth secret", user));
  }
  if (reply.is_error("NOAUTH")) {
    return say(ErrorCode::kRefused, "the server asks for a password; name a secret in spec.cluster.auth");
  }
  if (reply.text.find("without any password configured") != std::string::npos) {
    return say(ErrorCode::kRefused,
               "a password is given but the server has none; leave out spec.cluster.auth");
  }
  if (reply.is_error("NOPERM")) {
    return say(ErrorCode::kRefused,
               fmt::format("{} may not even run CLIENT SETNAME; docs/acl.md lists what is needed ({})", user,
                           reply.text));
  }
  return say(ErrorCode::kUnavailable, fmt::format("the server does not let us in: {}", reply.text));
}

// The connection was lost on its first command: say what that mostly means.
Error closed_at_once(const Endpoint& endpoint, const Access& access, const Error& why) {
  const char* hint =
      access.tls
          ? "it may ask for a client certificate that its CA knows (tls.crt and tls.key of the TLS secret)"
          : "the port may speak TLS (spec.cluster.tls) or no Redis at all";
  return {ErrorCode::kUnavailable, fmt::format("{} took the connection and gave no answer: {} ({})",
                                               endpoint.text(), hint, why.message)};
}

std::vector<Args> greeting(const ConnectOptions& options, const Access& access) {
  std::vector<Args> commands;
  if (!access.username.empty()) {
    commands.push_back({"AUTH", access.username, access.password});
  } else if (!access.password.empty()) {
    commands.push_back({"AUTH", access.password});
  }
  if (!options.client_name.empty()) commands.push_back({"CLIENT", "SETNAME", options.client_name});
  if (commands.empty()) commands.push_back({"PING"});  // proves that a Redis is there and lets us in
  return commands;
}

Status greet(Connection& connection, const ConnectOptions& options, const Access& access) {
  const auto replies = connection.pipeline(greeting(options, access));
  if (!replies) return std::unexpected(closed_at_once(options.endpoint, access, replies.error()));
  for (const auto& reply : *replies) {
    if (reply.is_error() && !reply.is_error("LOADING")) {
      return std::unexpected(not_let_in(options.endpoint, access, reply));
    }
  }
  return {};
}

}  // namespace

Result<Connection> Connection::open(const ConnectOptions& options) {
  ignore_sigpipe();
  Access access;
  if (options.access) {
    TRY(given, options.access());
    access = std::move(given);
  }
  TRY(context, connect(options));
  auto link = std::make_unique<Link>();
  if (access.tls) {
    TRY(ssl, start_tls(*context, access, options.endpoint));
    link->ssl = ssl;
  }
  stop_blocking(*context);
  link->endpoint = options.endpoint;
  link->timeout = options.command_timeout;
  link->context = std::move(context);
  Connection connection(std::move(link));
  TRY_OK(greet(connection, options, access));
  return connection;
}

Connection::Connection(std::unique_ptr<Link> link) : link_(std::move(link)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Reply> Connection::command(const Args& args) {
  TRY(replies, pipeline(std::span(&args, 1)));
  return std::move(replies.front());
}

Result<std::vector<Reply>> Connection::pipeline(std::span<const Args> commands) {
  const Talk talk{this, commands};
  return std::move(pipelines({&talk, 1}).front());
}

std::vector<Result<std::vector<Reply>>> Connection::pipelines(std::span<const Talk> talks) {
  std::vector<Exchange> exchanges;
  for (const auto& talk : talks) exchanges.push_back(talk.connection->link_->begin(talk.commands));
  while (!std::ranges::all_of(exchanges, &Exchange::over)) {
    std::vector<pollfd> poll_for(talks.size(), pollfd{-1, 0, 0});  // -1: left out
    bool has_more = false;
    Instant deadline = Instant::max();
    for (std::size_t i = 0; i < talks.size(); ++i) {
      auto& link = *talks[i].connection->link_;
      if (!exchanges[i].over()) link.send(exchanges[i]);
      if (exchanges[i].over()) continue;
      poll_for[i] = link.awaited();
      has_more = has_more || link.has_more();
      deadline = std::min(deadline, exchanges[i].deadline);
    }
    const auto left = std::chrono::ceil<Millis>(deadline - BootClock::now()).count();
    poll(poll_for.data(), poll_for.size(),
         has_more ? 0 : static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    for (std::size_t i = 0; i < talks.size(); ++i) {
      if (!exchanges[i].over()) talks[i].connection->link_->receive(exchanges[i], poll_for[i].revents);
    }
  }
  std::vector<Result<std::vector<Reply>>> results;
  for (auto& exchange : exchanges) {
    if (exchange.lost)
      results.emplace_back(std::unexpected(std::move(*exchange.lost)));
    else
      results.emplace_back(std::move(exchange.replies));
  }
  return results;
}

void Connection::keep_messages() { link_->keeps_messages = true; }
std::vector<Reply> Connection::take_messages() { return std::exchange(link_->messages, {}); }
void Connection::set_timeout(Millis timeout) { link_->timeout = timeout; }

void Connection::interrupt() {
  link_->interrupted = true;
  shutdown(link_->context->fd, SHUT_RDWR);
}

std::chrono::microseconds Connection::round_trip() const {
  return std::chrono::ceil<std::chrono::microseconds>(link_->quickest);
}

bool Connection::broken() const { return link_->dead || link_->interrupted; }
const Endpoint& Connection::endpoint() const { return link_->endpoint; }

}  // namespace rebalance
