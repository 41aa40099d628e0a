#include "kube/api_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/wait.h"
#include "kube/api_error.h"
#include "kube/token_bucket.h"

namespace rebalance {
namespace {

using Clock = BootClock;

constexpr double kCallsPerSecond = 20;
constexpr double kCallsAtOnce = 40;
constexpr int kMostTries = 10;
constexpr Millis kFirstWait{250};
constexpr Millis kLongestWait{8'000};

// The same request a second time changes nothing: a PUT says which version it replaces, and a PATCH of ours
// says what shall be, not what to add.
bool may_repeat(const HttpRequest& request) {
  return request.method == "GET" || request.method == "PUT" || request.method == "PATCH";
}

// One call with all its tries: what has been tried, and when what is tried next.
class Tries {
 public:
  explicit Tries(const HttpRequest& request) : request_(request), end_(Clock::now() + request.deadline) {}

  Millis left() const { return std::max(Millis(0), std::chrono::floor<Millis>(end_ - Clock::now())); }

  // How long to wait before the next try; nothing when there is none to be had.
  std::optional<Millis> next(const ApiError& failure) {
    ++tries_;
    const auto wait = wait_after(failure);
    if (!wait || tries_ >= kMostTries || *wait >= left()) return std::nullopt;
    return wait;
  }

 private:
  std::optional<Millis> wait_after(const ApiError& failure) {
    if (failure.status == 0) return wait_after_break(failure);
    // The credentials are read again: a token may just have been rotated.
    if (failure.status == 401) return std::exchange(refused_, true) ? std::nullopt : std::optional(Millis(0));
    if (failure.status != 429 && failure.status < 500) return std::nullopt;
    // A list newer than the server: waiting is of no use, its asker must know.
    if (failure.cause == "ResourceVersionTooLarge") return std::nullopt;
    if (failure.retry_after) return failure.retry_after;
    // Without a word of when to come back: a refusal was not acted on, anything else may have been.
    if (failure.status != 429 && !may_repeat(request_)) return std::nullopt;
    return std::min(kLongestWait, kFirstWait * (1 << (tries_ - 1)));
  }

  std::optional<Millis> wait_after_break(const ApiError& failure) {
    const bool again = failure.code == ErrorCode::kUnavailable && may_repeat(request_) && !broken_;
    broken_ = true;
    return again ? std::optional(Millis(0)) : std::nullopt;
  }

  const HttpRequest& request_;
  const Instant end_;
  int tries_ = 0;
  bool broken_ = false;
  bool refused_ = false;
};

}  // namespace

struct ApiClient::State {
  std::shared_ptr<Transport> transport, leases;
  std::mutex mutex;
  TokenBucket bucket{kCallsPerSecond, kCallsAtOnce};

  // Waits for its turn; false when that does not come in time, or `stop` comes first.
  bool take_turn(Millis most, const std::stop_token& stop) {
    const auto wait = [&] {
      const std::scoped_lock lock(mutex);
      const auto needed = bucket.take(Clock::now());
      if (needed > most) bucket.give_back();
      return needed;
    }();
    if (wait > most) return false;
    if (wait.count() == 0 || wait_for(stop, wait)) return true;
    const std::scoped_lock lock(mutex);
    bucket.give_back();
    return false;
  }
};

ApiClient::ApiClient(std::shared_ptr<Transport> transport, std::shared_ptr<Transport> leases)
    : state_(std::make_unique<State>(std::move(transport), std::move(leases))) {}
ApiClient::~ApiClient() = default;

ApiResult<std::string> ApiClient::call(const HttpRequest& request, std::stop_token stop, Lane lane) {
  const auto once = [&](Transport& transport, const HttpRequest& with_deadline) -> ApiResult<std::string> {
    auto response = transport.send(with_deadline, stop);
    if (!response) return std::unexpected(transport_error(request, response.error()));
    if (response->status / 100 == 2) return std::move(response->body);
    return std::unexpected(api_error(request, *response));
  };
  if (lane == Lane::kLease) return once(*state_->leases, request);

  Tries tries(request);
  while (true) {
    if (!state_->take_turn(tries.left(), stop)) {
      const bool stopped = stop.stop_requested();
      return std::unexpected(transport_error(
          request, {stopped ? ErrorCode::kStopped : ErrorCode::kTimeout,
                    stopped ? "the call was stopped"
                            : "too many calls are waiting before this one (20 a second are sent)"}));
    }
    HttpRequest attempt = request;
    attempt.deadline = tries.left();
    auto answer = once(*state_->transport, attempt);
    if (answer) return answer;
    const auto wait = tries.next(answer.error());
    if (!wait || !wait_for(stop, *wait)) return answer;
  }
}

ApiResult<void> ApiClient::stream(const HttpRequest& request, Millis idle,
                                  const std::function<bool(std::string_view)>& line, std::stop_token stop) {
  if (!state_->take_turn(request.deadline, stop)) {
    return std::unexpected(transport_error(request, {ErrorCode::kStopped, "the watch was not started"}));
  }
  auto response = state_->transport->stream(request, idle, line, stop);
  if (response && response->status == 401)  // a token was rotated: it is read anew
    response = state_->transport->stream(request, idle, line, stop);
  if (!response) return std::unexpected(transport_error(request, response.error()));
  if (response->status != 200) return std::unexpected(api_error(request, *response));
  return {};
}

}  // namespace rebalance
