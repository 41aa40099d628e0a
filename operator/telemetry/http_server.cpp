#include "telemetry/http_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <thread>
#include <vector>

#include "telemetry/http_message.h"
#include "telemetry/listener.h"

namespace rebalance {
namespace {

// Connections taken at a time, so that new ones are read before newer ones can push them out.
constexpr int kAcceptedAtOnce = 16;
// Without descriptors the listening socket stays readable: then it is left alone for a while.
constexpr Millis kListenerRest{100};
// After the answer: how long, and how much, is read of what the peer still sends, since closing at once would
// take the answer back from it.
constexpr Millis kDrainTime{1000};
constexpr std::size_t kDrainBytes = 65'536;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// One connection: its request is read, its answer is sent, the rest is drained.
class Peer {
 public:
  Peer(Descriptor socket, Instant now, Millis patience)
      : socket_(std::move(socket)), patience_(patience), deadline_(now + patience) {}

  int socket() const { return socket_.number(); }
  short wants() const { return stage_ == Stage::kSending ? POLLOUT : POLLIN; }
  Instant deadline() const { return deadline_; }
  bool gone() const { return stage_ == Stage::kGone; }

  // Something happened on the socket.
  void go_on(const HttpServerOptions& options, const std::map<std::string, HttpHandler>& handlers) {
    if (stage_ == Stage::kReading) read(options, handlers);
    if (stage_ == Stage::kSending) send();
    if (stage_ == Stage::kDraining) drain();
  }

 private:
  enum class Stage { kReading, kSending, kDraining, kGone };

  // Bytes, or 0 where there is nothing now; what has ended is gone.
  std::string_view receive() {
    const auto got = recv(socket(), buffer_.data(), buffer_.size(), 0);
    if (got == 0 || (got < 0 && !would_block())) stage_ = Stage::kGone;
    return {buffer_.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }

  void read(const HttpServerOptions& options, const std::map<std::string, HttpHandler>& handlers) {
    in_ += receive();
    const auto end = http_head_end(in_);
    const auto size = end == std::string::npos ? in_.size() : end;
    if (gone()) return;
    if (size > options.most_header_bytes) return answer(http_text({431, "the request is too long\n"}));
    if (end != std::string::npos) answer(http_reply(std::string_view(in_).substr(0, end), handlers));
  }

  void answer(std::string text) {
    out_ = std::move(text);
    stage_ = Stage::kSending;
    deadline_ = BootClock::now() + patience_;
  }

  void send() {
    const auto rest = std::string_view(out_).substr(sent_);
    const auto taken = ::send(socket(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (taken < 0) {
      if (!would_block()) stage_ = Stage::kGone;
      return;
    }
    sent_ += static_cast<std::size_t>(taken);
    if (sent_ < out_.size()) return;
    shutdown(socket(), SHUT_WR);
    stage_ = Stage::kDraining;
    deadline_ = BootClock::now() + std::min(patience_, kDrainTime);
  }

  void drain() {
    drained_ += receive().size();
    if (drained_ > kDrainBytes) stage_ = Stage::kGone;
  }

  Descriptor socket_;
  Millis patience_;
  Instant deadline_;
  Stage stage_ = Stage::kReading;
  std::string in_, out_;
  std::size_t sent_ = 0, drained_ = 0;
  std::array<char, 4096> buffer_{};
};

}  // namespace

class HttpServer::Loop {
 public:
  Loop(Listener listener, HttpServerOptions options, std::map<std::string, HttpHandler> handlers)
      : listener_(std::move(listener)),
        options_(std::move(options)),
        handlers_(std::move(handlers)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}

  ~Loop() {
    thread_.request_stop();
    eventfd_write(wake_.number(), 1);
  }

  std::uint16_t port() const { return listener_.port; }

 private:
  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      auto waiting = sockets();
      if (poll(waiting.data(), waiting.size(), time_out()) > 0) {
        for (std::size_t i = 0; i < peers_.size(); i++) {
          if (waiting[i + kOwnSockets].revents != 0) peers_[i]->go_on(options_, handlers_);
        }
        if (waiting[0].revents != 0) accept_some();
      }
      const auto now = BootClock::now();
      std::erase_if(peers_, [&](const auto& peer) { return peer->gone() || peer->deadline() <= now; });
    }
  }

  std::vector<pollfd> sockets() const {
    const bool resting = BootClock::now() < listener_rests_until_;
    std::vector<pollfd> all{{resting ? -1 : listener_.socket.number(), POLLIN, 0},
                            {wake_.number(), POLLIN, 0}};
    for (const auto& peer : peers_) all.push_back({peer->socket(), peer->wants(), 0});
    return all;
  }

  // In milliseconds until something is due, -1 if nothing is.
  int time_out() const {
    const auto now = BootClock::now();
    std::vector<Instant> due;
    due.reserve(peers_.size() + 1);
    for (const auto& peer : peers_) due.push_back(peer->deadline());
    if (listener_rests_until_ > now) due.push_back(listener_rests_until_);
    if (due.empty()) return -1;
    const auto left = std::chrono::ceil<Millis>(std::ranges::min(due) - now).count();
    return static_cast<int>(std::max<Millis::rep>(0, left));
  }

  void accept_some() {
    for (int i = 0; i < kAcceptedAtOnce; i++) {
      Descriptor socket(accept4(listener_.socket.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      const auto now = BootClock::now();
      if (!socket) {
        const bool spent = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (spent) listener_rests_until_ = now + kListenerRest;
        return;
      }
      // Oldest first: whoever has been here longest gives way.
      if (peers_.size() >= options_.most_peers) peers_.erase(peers_.begin());
      peers_.push_back(std::make_unique<Peer>(std::move(socket), now, options_.patience));
    }
  }

  static constexpr std::size_t kOwnSockets = 2;  // of sockets(): the listener's and wake_
  Listener listener_;
  HttpServerOptions options_;
  std::map<std::string, HttpHandler> handlers_;
  Descriptor wake_;
  std::vector<std::unique_ptr<Peer>> peers_;
  Instant listener_rests_until_;
  std::jthread thread_;  // last: it ends before what it uses
};

HttpServer::HttpServer(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return loop_->port(); }

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      std::map<std::string, HttpHandler> handlers) {
  if (options.most_peers == 0 || options.patience <= Millis(0))
    return invalid_input("an HTTP server needs room for a peer, and patience");
  TRY(listener, listen_on(options.address));
  return std::make_unique<HttpServer>(
      std::make_unique<Loop>(std::move(listener), options, std::move(handlers)));
}

}  // namespace rebalance
