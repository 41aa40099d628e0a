#include "kube/status_writer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/object_text.h"

namespace rebalance {
namespace {

constexpr int kTries = 3;

// The version keeps it from a namesake: a status subresource does not look at the UID.
std::string apply_body(const StatusTarget& target, const std::string& version, const std::string& status) {
  const nlohmann::json head{{"apiVersion", target.resource.group + "/" + target.resource.version},
                            {"kind", target.kind},
                            {"metadata",
                             {{"namespace", target.name_space},
                              {"name", target.name},
                              {"uid", target.uid},
                              {"resourceVersion", version}}}};
  auto body = head.dump();
  body.pop_back();  // the brace: the status is JSON already
  return body + ",\"status\":" + status + "}";
}

std::string status_path(const StatusTarget& target) {
  return api_path(target.resource, target.name_space, target.name, "status");
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
  for (int tries = 0;; ++tries) {
    auto version = known_version(target.uid);
    if (version.empty()) {
      const auto there = client_.call({.path = status_path(target)}, stop);
      if (!there) return there.error().not_found() ? StatusOutcome(StatusGone{}) : there.error();
      if (metadata_of(*there, "uid") != target.uid) return StatusReplaced{};
      version = metadata_of(*there, "resourceVersion");
    }
    const auto answer =
        client_.call({.method = "PATCH",
                      .path = status_path(target) + fmt::format("?fieldManager={}&force=true", kFieldManager),
                      .body = apply_body(target, version, status),
                      .content_type = "application/apply-patch+yaml"},
                     stop);
    if (answer) return written(target, status, metadata_of(*answer, "resourceVersion"));
    forget(target.uid);
    if (answer.error().not_found()) return StatusGone{};
    // Somebody else wrote, or it is another object now.
    if (!answer.error().conflict() || tries + 1 == kTries) return answer.error();
  }
}

std::string StatusWriter::known_version(const std::string& uid) {
  const std::scoped_lock lock(mutex_);
  return versions_[uid];
}

StatusWritten StatusWriter::written(const StatusTarget& target, const std::string& status,
                                    std::string version) {
  const std::scoped_lock lock(mutex_);
  limiters_.try_emplace(target.uid, period_).first->second.written(status, around_.now());
  versions_[target.uid] = version;
  return {std::move(version)};
}

void StatusWriter::forget(const std::string& uid) {
  const std::scoped_lock lock(mutex_);
  limiters_.erase(uid);
  versions_.erase(uid);
}

}  // namespace rebalance
