#include "control/reconciler.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/lifetime.h"
#include "base/log.h"
#include "codec/finalizers.h"
#include "control/rebalance_object.h"
#include "kube/object_text.h"
#include "reconcile/decide.h"

namespace rebalance {
namespace {

const Backoff kBetweenRuns{Millis(2'000), Millis(300'000), 2, 0.2};

bool has_finalizer(const StoredRebalance& object) {
  return std::ranges::count(object.finalizers, kFinalizer) > 0;
}

// Until an object that has ended is to be deleted; nothing: never, or its end is not known yet.
std::optional<Millis> time_left(const StoredRebalance& object) {
  if (!object.resource) return std::nullopt;
  return time_left(*object.resource, object.status.finished, std::chrono::system_clock::now());
}

}  // namespace

Reconciler::~Reconciler() {
  std::map<std::string, Entry> ending;
  {
    const std::scoped_lock lock(mutex_);
    ending.swap(entries_);
  }
  for (auto& [key, entry] : ending) {
    if (entry.run) entry.run->stop();
  }
}

// A run that has just ended: how long until the next one may start.
void Reconciler::settle(const std::string& key, Entry& entry) {
  if (!entry.run || entry.run->active() || entry.not_before) return;
  const auto& outcome = entry.run->outcome();
  if (entry.run->close_only() && !outcome.nothing_open) ++entry.closings;
  const bool wanted = entry.stopping;  // it was told to stop: what comes next need not wait
  entry.stopping = false;
  entry.failures = wanted || (outcome.told && rests(outcome.state)) ? 0 : entry.failures + 1;
  const auto pause = entry.failures == 0 ? Millis(0) : kBetweenRuns.delay(entry.failures - 1, 0.5);
  entry.not_before = BootClock::now() + pause;
  if (entry.failures > 0) queue_.add_after(key, pause);
}

LocalRun Reconciler::local_run(Entry& entry) {
  LocalRun local;
  if (!entry.run) return local;
  local.active = entry.run->active();
  local.stopping = local.active && entry.stopping;
  local.backing_off = !local.active && entry.not_before && BootClock::now() < *entry.not_before;
  local.uid = entry.run->object().uid;
  local.generation = entry.run->object().generation;
  local.closing = entry.run->close_only();
  if (!local.active) {
    local.nothing_open = entry.run->outcome().nothing_open;
    local.limits_raised = entry.run->outcome().limits_raised;
  }
  local.closings = entry.closings;
  return local;
}

// What a run of this process came to counts more than a status that the cache has not seen yet. An end that
// could not be told is no end: another run comes to it again, and tells it.
KnownObject Reconciler::known(const StoredRebalance* object, const Entry& entry) const {
  KnownObject known;
  if (object == nullptr) return known;
  known = {true,
           object->uid,
           object->generation,
           object->deleting,
           has_finalizer(*object),
           object->status.status.state,
           object->status.observed_generation,
           time_left(*object) == Millis(0)};
  if (entry.run && !entry.run->active() && entry.run->object().uid == object->uid &&
      !entry.run->close_only() && entry.run->outcome().told && rests(entry.run->outcome().state)) {
    known.state = entry.run->outcome().state;
    known.observed_generation = entry.run->object().generation;
  }
  return known;
}

Installation Reconciler::installation() {
  const auto active = std::ranges::count_if(
      entries_, [](const auto& entry) { return entry.second.run && entry.second.run->active(); });
  return {place_.objects.hold(), active < most_clusters_};
}

Status Reconciler::reconcile(const std::string& key, std::stop_token stop) {
  const auto object = place_.objects.rebalance(key);
  RunOrder order;
  {
    const std::scoped_lock lock(mutex_);
    // What the cache has is older than what we wrote: the watch brings the key again.
    if (object && writes_.stale(object->uid, object->resource_version)) return {};
    auto& entry = entries_[key];
    settle(key, entry);
    order = supervise(known(object.get(), entry), local_run(entry), installation());
    if (order.verb == RunOrder::Verb::kStop && entry.run) {
      log_info("stopping: " + order.why);
      entry.stopping = true;
      entry.run->stop();
    }
    if (order.verb == RunOrder::Verb::kForget) {
      if (entry.run) writes_.forget(entry.run->object().uid);
      entries_.erase(key);
    }
  }
  if (!object) {
    const auto slash = key.find('/');
    place_.show.metrics.forget(key.substr(0, slash), key.substr(slash + 1));
    return {};
  }
  return obey(order, key, *object, stop);
}

Status Reconciler::obey(const RunOrder& order, const std::string& key, const StoredRebalance& object,
                        std::stop_token stop) {
  switch (order.verb) {
    case RunOrder::Verb::kStart: return start(key, object, false, stop);
    case RunOrder::Verb::kClose: return start(key, object, true, stop);
    case RunOrder::Verb::kRelease: return set_finalizer(object, false, stop);
    case RunOrder::Verb::kDelete: return delete_finished(object, stop);
    case RunOrder::Verb::kHold: {
      constexpr Millis kLookAgain{10'000};
      queue_.add_after(key, kLookAgain);
      if (!object.resource) return {};
      KubeReporter(place_.show, *object.resource, object.status)
          .say(State::kWaiting, order.reason, order.why);
      return {};
    }
    default:
      if (const auto left = time_left(object); left && *left > Millis(0)) queue_.add_after(key, *left);
      return {};
  }
}

Status Reconciler::start(const std::string& key, const StoredRebalance& object, bool close_only,
                         std::stop_token stop) {
  if (!close_only && !has_finalizer(object)) {
    if (auto set = set_finalizer(object, true, stop); !set) {
      // A conflict only says that the watch has not told us the latest version yet.
      if (object.resource && set.error().code != ErrorCode::kConflict)
        KubeReporter(place_.show, *object.resource, object.status)
            .say(State::kWaiting, "Unavailable", set.error().message);
      return set;
    }
  }
  const std::scoped_lock lock(mutex_);
  auto& entry = entries_[key];
  entry.run.reset();  // its thread has told its end
  entry.stopping = false;
  entry.not_before.reset();
  entry.run = std::make_unique<ResourceRun>(place_, object, close_only, [this, key] { queue_.add(key); });
  return {};
}

// A merge patch replaces the whole list, so it carries the version that the list was read at.
Status Reconciler::set_finalizer(const StoredRebalance& object, bool there, std::stop_token stop) {
  HttpRequest request;
  request.method = "PATCH";
  request.path = api_path(rebalance_resource(), object.name_space, object.name);
  request.content_type = "application/merge-patch+json";
  auto finalizers = object.finalizers;
  std::erase(finalizers, kFinalizer);
  if (there) finalizers.emplace_back(kFinalizer);
  request.body = finalizers_patch(object.uid, object.resource_version, finalizers);
  const auto answer = place_.client.call(request, stop);
  if (answer) {
    const std::scoped_lock lock(mutex_);
    writes_.wrote(object.uid, metadata_of(*answer, "resourceVersion"));
    return {};
  }
  if (answer.error().not_found()) return {};
  return std::unexpected(answer.error().as_error());
}

// Only in the version that was judged: whoever has edited it meanwhile wants something of it.
Status Reconciler::delete_finished(const StoredRebalance& object, std::stop_token stop) {
  log_info("deleting the RedisRebalance: spec.ttlSecondsAfterFinished is over");
  HttpRequest request;
  request.method = "DELETE";
  request.path = api_path(rebalance_resource(), object.name_space, object.name);
  request.content_type = "application/json";
  request.body = delete_options(object.uid, object.resource_version);
  const auto answer = place_.client.call(request, stop);
  if (answer || answer.error().not_found()) return {};
  return std::unexpected(answer.error().as_error());
}

}  // namespace rebalance
