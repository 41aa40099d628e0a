// The one file that knows cpprestsdk and asio.
//
// The library's threads do nothing of ours but hand over bytes and say that something ended: they never
// block, and no exception stays in a task that nobody looks at (each would end the process). The caller's
// thread waits, with its own deadline and stop token, and gives up whatever the library still does: what a
// forgotten task holds is its own. Names are resolved by us, as the library would resolve them all on one
// thread that cannot be stopped.
// Without it the library defines a macro U, which fmt's headers do not survive.
#define _TURN_OFF_PLATFORM_STRING  // NOLINT(bugprone-reserved-identifier): the library's own name
#ifdef __clang__
// The library's json.h has a unique_ptr to what it defines further down, which clang refuses where unique_ptr
// is constexpr, as in C++23.
#include <version>
#undef _GLIBCXX23_CONSTEXPR
#define _GLIBCXX23_CONSTEXPR  // NOLINT(bugprone-reserved-identifier)
#endif

#include <cpprest/astreambuf.h>
#include <cpprest/http_client.h>
#include <fmt/format.h>
#include <pplx/threadpool.h>

#include <boost/asio/ssl/context.hpp>
#include <cerrno>
#include <mutex>

#include "base/host.h"
#include "base/log.h"
#include "base/text.h"
#include "kube/exchange.h"
#include "kube/http_transport.h"
#include "kube/line_splitter.h"
#include "kube/name_lookup.h"
#include "kube/tls.h"

namespace rebalance {
namespace {

namespace web_http = web::http;
using Octet = std::uint8_t;
using Clock = BootClock;

constexpr std::size_t kThreads = 4;
// Bytes that wait for the caller; the connection is not read further until they are taken.
constexpr std::size_t kRoom = std::size_t{256} << 10;
// The library's own limits on silence. They only matter when ours fail to end a call: those are shorter.
constexpr std::chrono::seconds kShortSilence{60};
constexpr std::chrono::seconds kWatchSilence{600};
// How long a call that was given up is waited for, so that its connection is closed when we return.
constexpr Millis kFarewell{1000};
constexpr Millis kCaFresh{60'000};

// Before anything else of the library: its pool is made once, of 40 threads unless told otherwise.
void bound_threads() {
  static const bool done = [] {
    try {
      crossplat::threadpool::initialize_with_threads(kThreads);
      return true;
    } catch (const std::exception& failure) {
      log_warning(fmt::format("the HTTP library's threads could not be bounded: {}", failure.what()));
      return false;
    }
  }();
  (void)done;
}

struct GivenUp : std::exception {
  const char* what() const noexcept override { return "nobody reads the answer any more"; }
};

// The task ends when the next bytes may come.
pplx::task<std::size_t> hand_over(Exchange& exchange, const Octet* bytes, std::size_t count) {
  const pplx::task_completion_event<std::size_t> room;
  switch (exchange.put({reinterpret_cast<const char*>(bytes), count}, [room, count] { room.set(count); })) {
    case Exchange::Put::kTaken: return pplx::task_from_result(count);
    case Exchange::Put::kFull: return pplx::create_task(room);
    case Exchange::Put::kGivenUp: break;
  }
  return pplx::task_from_exception<std::size_t>(std::make_exception_ptr(GivenUp{}));
}

// The library's body buffer would grow without bound, and its readers are slow or race: this one only hands
// over.
class Sink final : public concurrency::streams::details::streambuf_state_manager<Octet> {
 public:
  explicit Sink(std::shared_ptr<Exchange> exchange)
      : streambuf_state_manager(std::ios_base::out), exchange_(std::move(exchange)) {}

  static concurrency::streams::ostream stream(const std::shared_ptr<Exchange>& exchange) {
    const std::shared_ptr<concurrency::streams::details::basic_streambuf<Octet>> sink =
        std::make_shared<Sink>(exchange);
    return concurrency::streams::streambuf<Octet>(sink).create_ostream();
  }

  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return {traits::eof()}; }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return {traits::eof()}; }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override {
    return {traits::eof()};
  }
  bool acquire(Octet*&, std::size_t&) override { return false; }
  void release(Octet*, std::size_t) override {}

 protected:
  using streambuf_state_manager::_putn;
  pplx::task<std::size_t> _putn(const Octet* bytes, std::size_t count) override {
    return hand_over(*exchange_, bytes, count);
  }
  pplx::task<int_type> _putc(Octet byte) override {
    return hand_over(*exchange_, &byte, 1).then([byte](std::size_t) { return int_type{byte}; });
  }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }

  // Never read from.
  pplx::task<int_type> _bumpc() override { return nothing(); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return nothing(); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return nothing(); }
  pplx::task<int_type> _ungetc() override { return nothing(); }
  pplx::task<std::size_t> _getn(Octet*, std::size_t) override {
    return pplx::task_from_result(std::size_t{0});
  }
  std::size_t _scopy(Octet*, std::size_t) override { return 0; }
  Octet* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}

 private:
  static pplx::task<int_type> nothing() { return pplx::task_from_result(int_type{traits::eof()}); }
  std::shared_ptr<Exchange> exchange_;
};

// The only continuation there is: whatever the task came to, the waiting thread is told, and looks itself.
template <typename T>
void tell(const pplx::task<T>& task, const std::shared_ptr<Exchange>& exchange) {
  task.then([exchange](const pplx::task<T>& done) {
    try {
      done.wait();
    } catch (...) {  // NOLINT(bugprone-empty-catch): get() of the waiting thread throws it again
    }
    exchange->settle();
  });
}

// A connection's guard, and the client that was made with it.
struct Client {
  std::string address;  // an IP literal
  TlsIdentity identity;
  std::shared_ptr<TlsVerdict> verdict;
  std::unique_ptr<web_http::client::http_client> http;
};

web_http::client::http_client_config client_config(const TlsIdentity& identity, std::chrono::seconds silence,
                                                   const std::shared_ptr<TlsVerdict>& verdict) {
  web_http::client::http_client_config config;
  config.set_timeout(silence);
  config.set_max_redirects(0);
  config.set_validate_certificates(true);
  config.set_tlsext_sni_enabled(!is_ip_literal(identity.name));  // RFC 6066: no IP literals
  config.set_ssl_context_callback([identity, verdict](boost::asio::ssl::context& context) {
    if (const auto status = guard(context.native_handle(), identity, verdict); !status) {
      verdict->note(status.error().message);
      SSL_CTX_set_cipher_list(context.native_handle(), "");  // never a connection that is not guarded
      SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_VERSION);
    }
  });
  return config;
}

// A pool of connections to one address, made anew when anything changed that a connection was made with.
// Thread-safe.
class ClientSlot {
 public:
  explicit ClientSlot(std::chrono::seconds silence) : silence_(silence) {}

  // kRefused: the identity cannot be used.
  Result<std::shared_ptr<Client>> get(const std::string& address, int port, const TlsIdentity& identity) {
    const std::scoped_lock lock(mutex_);
    if (client_ && client_->address == address && client_->identity == identity) return client_;
    TRY_OK(check(identity));
    auto verdict = std::make_shared<TlsVerdict>();
    // Set part by part: as one text, the brackets of an IPv6 literal would go to the resolver.
    web::uri_builder base;
    base.set_scheme("https").set_host(address).set_port(port);
    auto http = std::make_unique<web_http::client::http_client>(base.to_uri(),
                                                                client_config(identity, silence_, verdict));
    client_ = std::make_shared<Client>(Client{address, identity, std::move(verdict), std::move(http)});
    return client_;
  }

  // After a failure its connections are not trusted any more.
  void drop(const std::shared_ptr<Client>& client) {
    const std::scoped_lock lock(mutex_);
    if (client_ == client) client_.reset();
  }

 private:
  const std::chrono::seconds silence_;
  std::mutex mutex_;
  std::shared_ptr<Client> client_;
};

std::optional<Millis> retry_after(const web_http::http_headers& headers) {
  const auto found = headers.find("Retry-After");
  if (found == headers.end()) return std::nullopt;
  const auto seconds = whole_number<int>(found->second);
  if (!seconds || *seconds < 0) return std::nullopt;  // a date: nobody in Kubernetes sends one
  return std::chrono::seconds(*seconds);
}

// How a call waits and what it does with the body.
struct Reading {
  Instant end;     // for the headers; for the body too, unless `idle` is set
  Millis idle{0};  // for each further piece of the body
  std::function<Status(int status, std::string_view bytes)> take;
};

struct Failure {
  Error error;
  bool never_connected = false;  // another address may do
};
using Outcome = std::expected<HttpResponse, Failure>;

class CpprestTransport final : public Transport {
 public:
  explicit CpprestTransport(const ClusterConfig& config)
      : config_(config),
        origin_(config.host.find(':') == std::string::npos
                    ? fmt::format("https://{}:{}", config.host, config.port)
                    : fmt::format("https://[{}]:{}", config.host, config.port)),
        lookup_(config.host) {
    bound_threads();
  }

  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
    std::string body;
    const auto take = [&](int, std::string_view bytes) -> Status {
      body.append(bytes);
      if (body.size() <= request.most_bytes) return {};
      return invalid_input(
          fmt::format("{}: the answer is larger than the {} bytes allowed", origin_, request.most_bytes));
    };
    auto response = call(short_, request, {Clock::now() + request.deadline, Millis(0), take}, stop);
    if (response) response->body = std::move(body);
    return response;
  }

  Result<HttpResponse> stream(const HttpRequest& request, Millis idle,
                              const std::function<bool(std::string_view)>& line,
                              std::stop_token stop) override {
    LineSplitter splitter(request.most_bytes);
    std::string body;
    bool enough = false;
    const auto take = [&](int status, std::string_view bytes) -> Status {
      if (status != 200) {
        body.append(bytes);
        return body.size() > request.most_bytes ? too_long(request) : Status{};
      }
      const auto outcome = splitter.feed(bytes, line);
      enough = outcome == LineSplitter::Outcome::kEnough;
      if (enough) return error(ErrorCode::kStopped, "enough");
      return outcome == LineSplitter::Outcome::kTooLong ? too_long(request) : Status{};
    };
    auto response = call(watches_, request, {Clock::now() + request.deadline, idle, take}, stop);
    if (enough) return HttpResponse{.status = 200};
    if (response && splitter.unfinished())
      return error(ErrorCode::kUnavailable, origin_ + ": the stream ended in the middle of a line");
    if (response) response->body = std::move(body);
    return response;
  }

 private:
  std::unexpected<Error> too_long(const HttpRequest& request) const {
    return invalid_input(fmt::format("{}: a line of the answer is longer than the {} bytes allowed", origin_,
                                     request.most_bytes));
  }

  // One address after the other, as long as nobody is reached at all.
  Result<HttpResponse> call(ClientSlot& slot, const HttpRequest& request, const Reading& reading,
                            const std::stop_token& stop) {
    TRY(credentials, config_.credentials->get(stop));
    TRY(identity, identity_with(credentials));
    auto addresses = lookup_.addresses(reading.end, stop);
    if (!addresses)
      return error(addresses.error().code, fmt::format("{}: {}", origin_, addresses.error().message));
    for (auto address = addresses->begin();; ++address) {
      TRY(client, slot.get(*address, config_.port, identity));
      auto outcome = talk(*client, request, credentials, reading, stop);
      if (outcome && outcome->status != 401) return std::move(*outcome);
      if (outcome || outcome.error().error.code == ErrorCode::kRefused) read_all_anew();
      // A client certificate belongs to its connection, so that the next call needs a new one.
      slot.drop(client);
      if (outcome) return std::move(*outcome);
      auto& failure = outcome.error();
      if (failure.error.code == ErrorCode::kTimeout || failure.never_connected) lookup_.demote(*address);
      if (!failure.never_connected || address + 1 == addresses->end()) return std::unexpected(failure.error);
    }
  }

  Result<TlsIdentity> identity_with(const Credentials& credentials) {
    const std::scoped_lock lock(mutex_);
    if (ca_.empty() || Clock::now() - ca_read_at_ > kCaFresh) {
      TRY(ca, config_.ca.read("the cluster's CA"));
      ca_ = ca;
      ca_read_at_ = Clock::now();
    }
    const auto& name = config_.server_name.empty() ? config_.host : config_.server_name;
    return TlsIdentity{ca_, name, credentials.certificate, credentials.key};
  }

  // Who we are was refused, or who the server is: files may have changed.
  void read_all_anew() {
    config_.credentials->refused();
    const std::scoped_lock lock(mutex_);
    ca_.clear();
  }

  web_http::http_request made(const HttpRequest& request, const Credentials& credentials,
                              const TlsIdentity& identity) const {
    web_http::http_request made(request.method);
    made.set_request_uri(web::uri(config_.base_path + request.path));
    auto& headers = made.headers();
    headers.add("User-Agent", "redis-rebalance/" PROGRAM_VERSION);
    headers.add("Accept", "application/json");
    if (!credentials.token.empty()) headers.add("Authorization", "Bearer " + credentials.token);
    // The library takes the name to verify, and to ask for by SNI, from this header; so it has no port.
    if (!is_ip_literal(identity.name)) headers.add("Host", identity.name);
    if (!request.body.empty()) made.set_body(request.body, request.content_type);
    return made;
  }

  Outcome talk(Client& client, const HttpRequest& request, const Credentials& credentials,
               const Reading& reading, const std::stop_token& stop) const {
    const auto exchange = std::make_shared<Exchange>(kRoom);
    pplx::cancellation_token_source cancel;
    web_http::http_request http_request;
    try {
      http_request = made(request, credentials, client.identity);
      http_request.set_response_stream(Sink::stream(exchange));
    } catch (const std::exception& failure) {  // a path that is no URI
      return std::unexpected(
          Failure{{ErrorCode::kInvalidInput, fmt::format("{}: {}", origin_, failure.what())}});
    }
    try {
      const auto answer = client.http->request(http_request, cancel.get_token());
      tell(answer, exchange);
      if (auto ended = await(*exchange, reading.end, stop, false); !ended) {
        return given_up(*exchange, cancel, ended.error());
      }
      return read(answer.get(), exchange, cancel, reading, stop);
    } catch (const web_http::http_exception& failure) {
      return std::unexpected(failure_of(failure, client));
    } catch (const std::exception& failure) {  // of the one who takes the bytes
      return given_up(*exchange, cancel,
                      {ErrorCode::kInternal, fmt::format("{}: {}", origin_, failure.what())});
    }
  }

  Outcome read(const web_http::http_response& answer, const std::shared_ptr<Exchange>& exchange,
               const pplx::cancellation_token_source& cancel, const Reading& reading,
               const std::stop_token& stop) const {
    HttpResponse response{
        .status = answer.status_code(), .body = {}, .retry_after = retry_after(answer.headers())};
    exchange->expect();
    const auto content = answer.content_ready();
    tell(content, exchange);
    while (true) {
      const bool streaming = reading.idle.count() > 0 && response.status == 200;
      const auto end = streaming ? Clock::now() + reading.idle : reading.end;
      const auto news = await(*exchange, end, stop, true);
      if (!news) return given_up(*exchange, cancel, news.error());
      if (*news == Exchange::News::kSettled) break;
      if (auto taken = reading.take(response.status, exchange->take()); !taken) {
        return given_up(*exchange, cancel, taken.error());
      }
    }
    content.get();
    return response;
  }

  Result<Exchange::News> await(Exchange& exchange, Instant end, const std::stop_token& stop,
                               bool bytes_count) const {
    const auto news = exchange.wait(end, stop, bytes_count);
    if (news == Exchange::News::kStopped)
      return error(ErrorCode::kStopped, origin_ + ": the call was stopped");
    if (news == Exchange::News::kTime) return error(ErrorCode::kTimeout, origin_ + ": no answer in time");
    return news;
  }

  // Closes the connection.
  static Outcome given_up(Exchange& exchange, const pplx::cancellation_token_source& cancel, Error why) {
    cancel.cancel();
    exchange.give_up();
    exchange.wait(Clock::now() + kFarewell, {}, false);
    return std::unexpected(Failure{std::move(why)});
  }

  Failure failure_of(const web_http::http_exception& failure, const Client& client) const {
    constexpr int kOpenSsl = 100'000'000;  // above it, codes are OpenSSL's: the library keeps no category
    const auto say = [&](ErrorCode code, const std::string& sentence, bool never_connected = false) {
      return Failure{{code, fmt::format("{}: {}", origin_, sentence)}, never_connected};
    };
    if (const auto verdict = client.verdict->take(); !verdict.empty())
      return say(ErrorCode::kRefused, verdict);
    switch (const int code = failure.error_code().value(); code) {
      case ETIMEDOUT: return say(ErrorCode::kTimeout, "no answer in time");
      case ECONNREFUSED:
      case EHOSTUNREACH:
      case ENETUNREACH:
        return say(ErrorCode::kUnavailable,
                   fmt::format("nobody is reached at {}: is the API server up?", client.address), true);
      default:
        if (code < kOpenSsl)
          return say(ErrorCode::kUnavailable, fmt::format("the connection broke: {}", failure.what()));
        return say(ErrorCode::kRefused,
                   fmt::format("TLS failed ({}): does that port speak TLS, and does it take our certificate?",
                               failure.what()));
    }
  }

  const ClusterConfig config_;
  const std::string origin_;
  NameLookup lookup_;
  ClientSlot short_{kShortSilence};
  ClientSlot watches_{kWatchSilence};
  std::mutex mutex_;
  std::string ca_;
  Instant ca_read_at_;
};

}  // namespace

std::shared_ptr<Transport> make_http_transport(const ClusterConfig& config) {
  return std::make_shared<CpprestTransport>(config);
}

}  // namespace rebalance
