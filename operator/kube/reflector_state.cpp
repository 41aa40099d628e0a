#include "kube/reflector_state.h"

#include <fmt/format.h>

#include <utility>

namespace rebalance {
namespace {

using Kind = ReflectorState::Ask::Kind;

// A list with a version that the server does not have yet, as after a restore of etcd. Not every server sends
// the cause; all say it in words.
bool from_the_future(const ApiError& problem) {
  return problem.cause == "ResourceVersionTooLarge" ||
         problem.message.find("Too large resource version") != std::string::npos;
}

// The answer is larger than we allow: a list from the cache that ignored the limit.
bool too_much(const ApiError& problem) {
  return problem.status == 0 && problem.code == ErrorCode::kInvalidInput;
}

// The server, or what stands before it, cannot take the watch now, and the version stays good.
bool busy(const ApiError& problem) {
  return problem.status == 429 || (problem.status == 0 && (problem.code == ErrorCode::kUnavailable ||
                                                           problem.code == ErrorCode::kTimeout));
}

}  // namespace

std::string ReflectorState::list_query() const {
  auto limit = one_answer_ ? std::string() : fmt::format("limit={}", rules_.page_size);
  if (!continue_token_.empty()) return fmt::format("{}&continue={}", limit, url_encoded(continue_token_));
  if (quorum_ || !rules_.lists_from_cache) return limit;
  if (resource_version_.empty()) return limit + "&resourceVersion=0";
  return "resourceVersion=" + url_encoded(resource_version_);  // a limit would take it past the cache
}

ReflectorState::Ask ReflectorState::next(double dice) {
  const auto after = std::exchange(wait_, Millis(0));
  if (!watching_)
    return {
        .kind = Kind::kList, .query = list_query(), .after = after, .first_page = continue_token_.empty()};
  const int spread = rules_.longest_watch_s - rules_.shortest_watch_s + 1;
  return {.kind = Kind::kWatch,
          .query = fmt::format("watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                               url_encoded(resource_version_),
                               rules_.shortest_watch_s + static_cast<int>(dice * spread)),
          .after = after};
}

bool ReflectorState::listed(const std::string& resource_version, const std::string& continue_token) {
  if (continue_token_.empty()) first_page_version_ = resource_version;
  continue_token_ = continue_token;
  if (!continue_token.empty()) return false;
  resource_version_ = first_page_version_;
  watching_ = true;
  quorum_ = one_answer_ = false;
  return true;
}

void ReflectorState::back_off(Instant now, double dice) {
  if (failures_ > 0 && now - last_failure_ > rules_.healthy_after) failures_ = 0;
  wait_ = rules_.backoff.delay(failures_++, dice);
  last_failure_ = now;
}

void ReflectorState::relist() {
  watching_ = false;
  continue_token_.clear();
}

void ReflectorState::list_failed(const ApiError& problem, Instant now, double dice) {
  const bool between_pages = !continue_token_.empty();
  relist();
  if (problem.expired() && between_pages) {
    quorum_ = one_answer_ = true;  // compacted while we paged
    return;
  }
  if ((problem.expired() || from_the_future(problem)) && !quorum_) {
    quorum_ = true;
    return;
  }
  if (too_much(problem)) {
    quorum_ = true;
    one_answer_ = false;
  }
  back_off(now, dice);
}

void ReflectorState::watch_began(Instant now) {
  watch_began_ = now;
  events_ = 0;
}

void ReflectorState::saw(const std::string& resource_version) {
  if (!resource_version.empty()) resource_version_ = resource_version;
  ++events_;
  internal_errors_ = 0;
}

void ReflectorState::watch_ended(const std::optional<ApiError>& problem, Instant now, double dice) {
  const auto lasted = now - watch_began_;
  if (!problem && (events_ > 0 || lasted >= rules_.too_short)) return;
  if (problem && problem->status == 0 && problem->code == ErrorCode::kTimeout && lasted >= rules_.idle)
    return;
  back_off(now, dice);
  if (problem && busy(*problem) && !problem->expired()) return;
  if (problem && problem->reason == "InternalError" && internal_errors_++ < rules_.internal_errors) return;
  internal_errors_ = 0;
  relist();
}

}  // namespace rebalance
