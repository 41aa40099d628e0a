#include "control/raised_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "codec/limits_codec.h"
#include "kube/pod_resize.h"

namespace rebalance {
namespace {

// What it was before the first raise stays what it goes back to.
void note(std::vector<LimitRaise>& limits, const LimitRaise& raise, const PodState& pod) {
  const auto known = std::ranges::find_if(
      limits, [&](const LimitRaise& one) { return one.pod == raise.pod && one.uid == pod.uid; });
  if (known != limits.end()) {
    known->to = std::max(known->to, raise.to);
    known->stays.clear();
    return;
  }
  std::erase_if(limits, [&](const LimitRaise& one) { return one.pod == raise.pod; });
  limits.push_back({raise.pod, pod.resize.wanted, raise.to, pod.uid, {}});
}

}  // namespace

Result<std::unique_ptr<RaisedLimits>> RaisedLimits::open(DocumentStore& documents, ApiClient& client) {
  std::unique_ptr<RaisedLimits> raised(new RaisedLimits(documents, client));
  TRY(text, documents.get(kLimits));
  if (!text) return raised;
  TRY(limits, decode_limits(*text));
  raised->limits_ = std::move(limits);
  return raised;
}

Status RaisedLimits::keep(std::vector<LimitRaise> limits) {
  if (limits == limits_) return {};
  TRY_OK(limits.empty() ? documents_.remove(kLimits) : documents_.put(kLimits, encode_limits(limits)));
  limits_ = std::move(limits);
  return {};
}

Status RaisedLimits::raise(const std::vector<LimitRaise>& raises, const std::vector<PodState>& pods,
                           Reporter& reporter) {
  auto limits = limits_;
  for (const auto& raise : raises) {
    if (const auto* pod = find_pod(pods, raise.pod)) note(limits, raise, *pod);
  }
  TRY_OK(keep(std::move(limits)));
  reporter.raised(limits_);
  for (const auto& raise : raises) {
    const auto* pod = find_pod(pods, raise.pod);
    if (pod == nullptr) continue;
    TRY_OK(resize_pod(client_, *pod, raise.to));
    reporter.event("LimitRaised",
                   fmt::format("the memory limit of {} is to be {} instead of {} while slots move", raise.pod,
                               quantity_text(raise.to), quantity_text(pod->resize.wanted)));
  }
  return {};
}

std::vector<LimitRaise> RaisedLimits::to_put_back() const {
  auto limits = limits_;
  std::erase_if(limits, [](const LimitRaise& raise) { return !raise.stays.empty(); });
  return limits;
}

void RaisedLimits::lower(const WayBack& way, LimitRaise& raise, const PodState& pod, Reporter& reporter) {
  const auto old = quantity_text(raise.from);
  const auto done = resize_pod(client_, pod, raise.from);
  if (done) {
    return reporter.event("LimitPutBack",
                          fmt::format("the memory limit of {} goes back to {}: {}", raise.pod, old, way.why));
  }
  const bool for_good = done.error().code == ErrorCode::kInvalidInput;
  if (for_good) raise.stays = done.error().message;
  reporter.event("LimitStays",
                 fmt::format("the memory limit of {} stays {} instead of {}{}: {}", raise.pod,
                             quantity_text(pod.resize.wanted), old,
                             for_good ? " until the pod is made anew" : " for now", done.error().message));
}

void RaisedLimits::put_back(const std::vector<PodState>& pods, const World& world, const HeadroomSpec& spec,
                            Reporter& reporter) {
  auto limits = limits_;
  for (const auto& way : ways_back(to_put_back(), pods, world, spec)) {
    const auto raise = std::ranges::find(limits, way.raise.pod, &LimitRaise::pod);
    const auto* pod = find_pod(pods, way.raise.pod);
    if (way.verb == WayBack::Verb::kPutBack && pod != nullptr) lower(way, *raise, *pod, reporter);
    if (way.verb != WayBack::Verb::kForget) continue;
    log_info(way.why);
    limits.erase(raise);
  }
  if (const auto kept = keep(std::move(limits)); !kept)
    log_warning("the record of raised limits was not written: " + kept.error().message);
  reporter.raised(limits_);
}

void RaisedLimits::tell_what_stays(const std::vector<PodState>& pods, const World& world,
                                   const HeadroomSpec& spec, Reporter& reporter) const {
  for (const auto& way : ways_back(to_put_back(), pods, world, spec)) {
    reporter.event("LimitStays",
                   fmt::format("the memory limit of {} stays {} instead of {} for now: {}", way.raise.pod,
                               quantity_text(way.raise.to), quantity_text(way.raise.from), way.why));
  }
}

}  // namespace rebalance
