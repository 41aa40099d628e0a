#include "kube/reflector.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace rebalance {
namespace {

using Kind = ReflectorState::Ask::Kind;

constexpr Millis kListDeadline{30'000};

}  // namespace

Reflector::Reflector(ApiClient& client, WatchTarget target, ReflectorRules rules, ObjectSink& sink,
                     Surroundings around)
    : client_(client),
      target_(std::move(target)),
      rules_(rules),
      sink_(sink),
      around_(std::move(around)),
      state_(rules) {}

void Reflector::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto ask = state_.next(around_.dice());
    if (ask.after > Millis(0)) around_.wait(stop, ask.after);
    if (stop.stop_requested()) return;
    ask.kind == Kind::kList ? list(ask, stop) : watch(ask, stop);
  }
}

std::string Reflector::path(const std::string& query) const {
  auto path = api_path(target_.resource, target_.name_space);
  char separator = '?';
  const auto add = [&](const std::string& part, bool wanted) {
    if (wanted) path += std::exchange(separator, '&') + part;
  };
  add(query, !query.empty());
  add("labelSelector=" + url_encoded(target_.label_selector), !target_.label_selector.empty());
  add("fieldSelector=" + url_encoded(target_.field_selector), !target_.field_selector.empty());
  return path;
}

void Reflector::list(const ReflectorState::Ask& ask, const std::stop_token& stop) {
  if (ask.first_page) sink_.list_begins();
  const auto answer = client_.call({.path = path(ask.query), .deadline = kListDeadline}, stop);
  if (stop.stop_requested()) return;
  if (!answer) {
    failed(answer.error().message);
    return state_.list_failed(answer.error(), around_.now(), around_.dice());
  }
  const auto page = parse_list(*answer);
  if (page) return take(*page);
  failed(fmt::format("cannot list {}: {}", target_.resource.plural, page.error().message));
  state_.list_failed({.status = 200}, around_.now(), around_.dice());
}

void Reflector::take(const ListPage& page) {
  for (const auto& object : page.items) sink_.listed(object);
  if (state_.listed(page.resource_version, page.continue_token)) sink_.list_complete();
  progressed(around_.now());
}

void Reflector::watch(const ReflectorState::Ask& ask, const std::stop_token& stop) {
  const auto began = around_.now();
  state_.watch_began(began);
  std::optional<ApiError> problem;
  const auto ended = client_.stream(
      {.path = path(ask.query), .deadline = kListDeadline}, rules_.idle,
      [&](std::string_view line) { return !(problem = take(line)); }, stop);
  if (stop.stop_requested()) return;
  if (!problem && !ended) problem = ended.error();
  const auto now = around_.now();
  // A watch that fell silent had been answered, else it would have ended at the deadline.
  if (!problem)
    progressed(now);
  else if (problem->code == ErrorCode::kTimeout && now - began >= rules_.idle)
    progressed(began);
  else
    failed(problem->message);
  state_.watch_ended(problem, now, around_.dice());
}

// What ends the watch, if this line does.
std::optional<ApiError> Reflector::take(std::string_view line) {
  using enum WatchEvent::Type;
  const auto event = parse_watch_event(line);
  if (!event) {
    const auto message = fmt::format("cannot watch {}: {}", target_.resource.plural, event.error().message);
    return ApiError{.status = 200, .message = message, .code = ErrorCode::kInvalidInput};
  }
  if (event->type == kError) return event->error;
  if (event->type == kAdded || event->type == kModified) sink_.changed(event->object);
  if (event->type == kDeleted) sink_.deleted(event->object);
  state_.saw(event->object.resource_version);
  progressed(around_.now());
  return std::nullopt;
}

void Reflector::progressed(Instant when) {
  const std::scoped_lock lock(mutex_);
  last_progress_ = std::max(last_progress_, when);
  last_error_.clear();
}

void Reflector::failed(const std::string& message) {
  const std::scoped_lock lock(mutex_);
  if (last_error_ != message) log_warning(message);  // once, however often it is tried again
  last_error_ = message;
}

Instant Reflector::last_progress() const {
  const std::scoped_lock lock(mutex_);
  return last_progress_;
}

std::string Reflector::last_error() const {
  const std::scoped_lock lock(mutex_);
  return last_error_;
}

}  // namespace rebalance
