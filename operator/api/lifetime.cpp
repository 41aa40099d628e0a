#include "api/lifetime.h"

#include <fmt/format.h>

#include <algorithm>

namespace rebalance {

std::string ttl_ignored(const RedisRebalance& resource) {
  if (!resource.spec.ttl_seconds_after_finished) return {};
  if (!resource.git_owner.empty()) {
    return fmt::format(
        "spec.ttlSecondsAfterFinished is ignored: {} owns this object and would make it again; leave the "
        "field out, or delete it where {} has it from",
        resource.git_owner, resource.git_owner.substr(0, resource.git_owner.find(" (")));
  }
  if (resource.uid.empty())
    return "spec.ttlSecondsAfterFinished is ignored: it deletes objects of an API server, and this one is a "
           "file";
  return {};
}

std::optional<Millis> time_left(const RedisRebalance& resource, const std::string& finished,
                                std::chrono::system_clock::time_point now) {
  const auto ended = parse_rfc3339(finished);
  if (!ended || !resource.spec.ttl_seconds_after_finished || !ttl_ignored(resource).empty())
    return std::nullopt;
  const auto due = *ended + std::chrono::seconds(*resource.spec.ttl_seconds_after_finished);
  return std::max(Millis(0), std::chrono::ceil<Millis>(due - now));
}

}  // namespace rebalance
