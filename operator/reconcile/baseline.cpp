// The comparison of the servers' figures with those from before the first slot moved.
#include "reconcile/baseline.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/headroom.h"

namespace rebalance {
namespace {

// Latencies below this share of what is allowed differ from moment to moment.
constexpr double kNoiseOfLatency = 0.5;

double seconds(Millis span) { return std::chrono::duration<double>(span).count(); }

// One server at the three moments; a pointer is null where nobody looked at it then.
struct Compared {
  const Step& step;
  const WorldNode& now;
  const NodeFigures& before;
  const NodeFigures& since;
  double span;  // seconds since `since`
  // Another process has moved slots already: what is called before is from when this one went on.
  const char* then() const { return step.decision.notebook.baseline->resumed ? "when it went on" : "before"; }
};

std::optional<Regression> replication(const Compared& of) {
  const Bytes most = of.step.spec.safety.max_replica_lag;
  if (of.before.in_sync && !of.now.in_sync)
    return Regression{"ReplicaBehind",
                      fmt::format("{} has lost its primary, whom it followed {}", of.now.pod, of.then())};
  if (of.now.lag <= std::max(most, of.before.lag)) return std::nullopt;
  return Regression{"ReplicaBehind", fmt::format("{} is {} behind its primary, where it was {} {} "
                                                 "(safety.maxReplicaLagBytes is {})",
                                                 of.now.pod, human_bytes(of.now.lag),
                                                 human_bytes(of.before.lag), of.then(), human_bytes(most))};
}

// The highest that the plan expects of a pod that takes slots, with a margin on what is added to it; 0: it
// takes none. Who gives keeps its memory for a while, so that nothing is learned of it.
Bytes predicted(const Compared& of) {
  const auto& plan = of.step.decision.status.plan;
  if (!plan) return 0;
  const auto row = std::ranges::find(plan->nodes, of.now.pod, &NodeForecast::pod);
  if (row == plan->nodes.end() || row->bytes_after <= row->bytes_before) return 0;
  const auto added = static_cast<double>(std::max<Bytes>(0, row->peak - row->base));
  return row->base + static_cast<Bytes>(kPredictionMargin * added);
}

// What stood above its ceiling already is worse only where it has grown.
std::optional<Regression> memory(const Compared& of) {
  const Bytes base = of.now.memory.base();
  const Bytes slack =
      of.step.decision.status.plan ? noise(*of.step.decision.status.plan, of.step.scene.world) : Bytes{0};
  if (base <= of.before.base + slack) return std::nullopt;
  const auto high = [&](Bytes wall, const char* which) {
    return Regression{"MemoryHigh", fmt::format("{} stands at {}, above {} of {}, where it was at {} {}",
                                                of.now.pod, human_bytes(base), which, human_bytes(wall),
                                                human_bytes(of.before.base), of.then())};
  };
  const Bytes ceiling = walls_of(of.now, of.step.spec.headroom).ceiling;
  if (ceiling > 0 && base > ceiling) return high(ceiling, "its ceiling");
  const Bytes expected = predicted(of);
  if (expected > 0 && base > expected + slack) return high(expected, "the plan's prediction");
  return std::nullopt;
}

// A counter that the server keeps from its start; another process counts from zero.
struct Counter {
  const char* reason;
  const char* what;
  std::int64_t before, since, now;
};

// Before the move it is the average of the server's life: a moment's look would miss what comes in bursts.
std::optional<Regression> counted(const Compared& of, const Counter& counter) {
  const bool same_process = of.now.run_id == of.since.run_id;
  const auto grown = unusual(counter.now - (same_process ? counter.since : 0), counter.before,
                             of.before.uptime_seconds, of.span);
  if (!grown) return std::nullopt;
  return Regression{counter.reason,
                    fmt::format("{} {} {} in the last {:.0f} s, where it was {:.1f} in as long {}",
                                of.now.pod, counter.what, grown->more, of.span, grown->usual, of.then())};
}

std::optional<Regression> worse(const Compared& of) {
  if (auto found = replication(of)) return found;
  if (auto found = memory(of)) return found;
  const auto& memory = of.now.memory;
  if (auto found = counted(of, {"KeysEvicted", "evicted keys:", of.before.evicted_keys, of.since.evicted_keys,
                                memory.evicted_keys}))
    return found;
  return counted(of, {"ConnectionsRejected", "rejected connections:", of.before.rejected_connections,
                      of.since.rejected_connections, memory.rejected_connections});
}

std::optional<Regression> worse(const Step& step, const ProbeReading& before, const ProbeReading& since,
                                const ProbeReading& now) {
  const auto& canary = step.spec.canary;
  const char* then = step.decision.notebook.baseline->resumed ? "when it went on" : "before";
  const bool goes_on = now.sent >= since.sent;  // else the probes began anew
  const auto failed = now.failed - (goes_on ? since.failed : 0), sent = now.sent - (goes_on ? since.sent : 0);
  if (failed * 100 > canary.max_error_percent * sent) {
    return Regression{
        "ProbesUnanswered",
        fmt::format("{} did not answer {} of {} probes, where it was {} of {} {} "
                    "(canary.maxErrorPercent is {})",
                    now.pod, failed, sent, before.failed, before.sent, then, canary.max_error_percent)};
  }
  const double most = std::max(before.p99_millis * (100 + canary.max_latency_increase_percent) / 100,
                               kNoiseOfLatency * step.spec.safety.max_latency_millis);
  if (now.p99_millis <= most) return std::nullopt;
  return Regression{
      "ProbesSlower",
      fmt::format("{} answers probes in {:.1f} ms (p99), where it was {:.1f} {} "
                  "(canary.maxLatencyIncreasePercent is {})",
                  now.pod, now.p99_millis, before.p99_millis, then, canary.max_latency_increase_percent)};
}

const ProbeReading* probe_of(const Figures& figures, const PodName& pod) {
  const auto found = std::ranges::find(figures.probes, pod, &ProbeReading::pod);
  return found == figures.probes.end() ? nullptr : &*found;
}

}  // namespace

// Buffers of clients come and go, and clients write on.
Bytes noise(const Plan& plan, const World& world) {
  constexpr Bytes kLeast = 4 * kMiB, kShareOfLimit = 100;
  Bytes limit = 0;
  for (const auto& batch : plan.batches) {
    if (const WorldNode* target = world.find(batch.target)) limit = std::max(limit, target->limit);
  }
  return std::max(kLeast, limit / kShareOfLimit);
}

Figures figures_now(const Scene& scene) {
  Figures figures{scene.now, {}, scene.probes, false};
  for (const auto& node : scene.world.nodes) {
    const auto& memory = node.memory;
    figures.nodes[node.pod] = {node.run_id,        node.in_sync,        node.lag,
                               memory.base(),      memory.evicted_keys, memory.rejected_connections,
                               node.uptime_seconds};
  }
  return figures;
}

std::optional<Growth> unusual(std::int64_t more, std::int64_t first, std::int64_t life_seconds,
                              double span_seconds) {
  constexpr double kWaver = 2;
  const auto life = static_cast<double>(std::max<std::int64_t>(1, life_seconds));
  const double usual = static_cast<double>(first) / life * span_seconds;
  if (more <= 0 || static_cast<double>(more) <= kWaver * usual) return std::nullopt;
  return Growth{more, usual};
}

std::optional<Regression> what_clients_feel(const Step& step, const Figures& since) {
  const auto& baseline = step.decision.notebook.baseline;
  if (!baseline) return std::nullopt;
  for (const auto& now : step.scene.probes) {
    const auto *before = probe_of(*baseline, now.pod), *last = probe_of(since, now.pod);
    if (before == nullptr || last == nullptr) continue;
    if (auto found = worse(step, *before, *last, now)) return found;
  }
  return std::nullopt;
}

std::optional<Regression> what_servers_say(const Step& step, const Figures& since) {
  const auto& baseline = step.decision.notebook.baseline;
  if (!baseline) return std::nullopt;
  const double span = seconds(std::chrono::duration_cast<Millis>(step.scene.now - since.when));
  for (const auto& now : step.scene.world.nodes) {
    const auto before = baseline->nodes.find(now.pod), last = since.nodes.find(now.pod);
    if (before == baseline->nodes.end() || last == since.nodes.end()) continue;
    if (auto found = worse(Compared{step, now, before->second, last->second, span})) return found;
  }
  return std::nullopt;
}

// A second of probes, so that there is a 99th percentile to speak of.
std::optional<Decision> take_baseline(Step& step) {
  constexpr std::int64_t kEnough = 40;
  const auto& scene = step.scene;
  const bool to_observe = scene.observe_asked && step.spec.observe_seconds > 0 && !step.status().roll_back;
  const bool wanted = step.status().state == State::kCanary || to_observe;
  if (!wanted || step.notebook().baseline || !scene.running.empty()) return std::nullopt;
  if (std::ranges::any_of(scene.probes, [](const ProbeReading& probe) { return probe.sent < kEnough; }))
    return step.stay("ProbingLatency", "how fast the servers answer is probed before the first slot moves",
                     Millis(200));
  auto& baseline = step.notebook().baseline = figures_now(scene);
  // A process that comes after another finds no figures of before: what the servers say now must do.
  baseline->resumed = std::ranges::any_of(step.status().plan->batches, [&](const Batch& batch) {
    return remaining(batch, scene.world) != batch.slots;
  });
  return std::nullopt;
}

}  // namespace rebalance
