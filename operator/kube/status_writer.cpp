#include "kube/status_writer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/object_text.h"

namespace rebalance {
namespace {

std::string apply_body(const StatusTarget& target, const std::string& status) {
  const nlohmann::json head{
      {"apiVersion", target.resource.group + "/" + target.resource.version},
      {"kind", target.kind},
      {"metadata", {{"namespace", target.name_space}, {"name", target.name}, {"uid", target.uid}}}};
  auto body = head.dump();
  body.pop_back();  // the brace: the status is JSON already
  return body + ",\"status\":" + status + "}";
}

}  // namespace

std::variant<StatusLimiter::Nothing, StatusLimiter::Now, StatusLimiter::Later> StatusLimiter::decide(
    const std::string& status, bool urgent, Instant now) const {
  if (!last_) return Now{};
  if (*last_ == status) return Nothing{};
  const auto next = last_time_ + period_;
  if (urgent || now >= next) return Now{};
  return Later{next};
}

void StatusLimiter::written(const std::string& status, Instant now) {
  last_ = status;
  last_time_ = now;
}

StatusOutcome StatusWriter::write(const StatusTarget& target, const std::string& status, bool urgent,
                                  std::stop_token stop) {
  {
    const std::scoped_lock lock(mutex_);
    const auto& limiter = limiters_.try_emplace(target.uid, period_).first->second;
    const auto decision = limiter.decide(status, urgent, around_.now());
    if (std::holds_alternative<StatusLimiter::Nothing>(decision)) return StatusUnchanged{};
    if (const auto* later = std::get_if<StatusLimiter::Later>(&decision)) return StatusDeferred{later->when};
  }
  const auto answer =
      client_.call({.method = "PATCH",
                    .path = api_path(target.resource, target.name_space, target.name, "status") +
                            fmt::format("?fieldManager={}&force=true", kFieldManager),
                    .body = apply_body(target, status),
                    .content_type = "application/apply-patch+yaml"},
                   stop);
  if (!answer) return refused(target, answer.error(), std::move(stop));
  const std::scoped_lock lock(mutex_);
  limiters_.try_emplace(target.uid, period_).first->second.written(status, around_.now());
  return StatusWritten{metadata_of(*answer, "resourceVersion")};
}

// With force no field is in dispute: what conflicts is the UID, or writers who came at the same instant.
StatusOutcome StatusWriter::refused(const StatusTarget& target, const ApiError& problem,
                                    std::stop_token stop) {
  if (!problem.not_found() && !problem.conflict()) return problem;
  forget(target.uid);
  if (problem.not_found()) return StatusGone{};
  const auto there =
      client_.call({.path = api_path(target.resource, target.name_space, target.name)}, std::move(stop));
  if (!there && there.error().not_found()) return StatusGone{};
  if (there && metadata_of(*there, "uid") != target.uid) return StatusReplaced{};
  return problem;
}

void StatusWriter::forget(const std::string& uid) {
  const std::scoped_lock lock(mutex_);
  limiters_.erase(uid);
}

}  // namespace rebalance
