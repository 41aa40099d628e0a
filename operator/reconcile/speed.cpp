// How fast slots move: as fast as spec.batch allows while neither our own probes nor the servers' own figures
// say that a client or a replica feels it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "reconcile/strain.h"

namespace rebalance {
namespace {

// Probes of the last five seconds count (control/probe_window.h): a change shows after as long.
constexpr std::chrono::seconds kBetweenChanges{5};
constexpr int kLeast = 5;      // percent: so little that a stop would be the same
constexpr double kCalm = 0.7;  // of what is allowed: faster again only below it, so that it does not swing
constexpr double kFar = 4;     // times what is allowed
constexpr std::chrono::seconds kFarPatience{10};
constexpr int kStrained = 50;     // percent of the speed before
constexpr int kWhileSaving = 50;  // percent: a fork and the disk take their part of the machine

const ProbeReading* slowest(const Scene& scene) {
  const auto found = std::ranges::max_element(scene.probes, {}, &ProbeReading::p99_millis);
  return found == scene.probes.end() ? nullptr : &*found;
}

std::string in_millis(const ProbeReading& probe, int allowed) {
  return fmt::format("{} answers our probes in {:.0f} ms (p99; safety.maxLatencyMillis is {})", probe.pod,
                     probe.p99_millis, allowed);
}

// Down by as much as it is too slow, up by half.
int next_calm(int calm, double p99, double allowed) {
  if (p99 > allowed) return std::max(kLeast, static_cast<int>(calm * std::clamp(allowed / p99, 0.25, 0.75)));
  return p99 < allowed * kCalm ? std::min(100, calm * 3 / 2 + 1) : calm;
}

// Sources, targets and the replicas of both: those that are probed, and who follows them.
std::set<const WorldNode*> touched(const Step& step) {
  const World& world = step.scene.world;
  std::set<const WorldNode*> nodes;
  for (const auto& probe : step.scene.probes) {
    const WorldNode* node = world.find_pod(probe.pod);
    if (node == nullptr) continue;
    nodes.insert(node);
    for (const auto* replica : world.replicas_of(node->id)) nodes.insert(replica);
  }
  return nodes;
}

const WorldNode* who_saves(const std::set<const WorldNode*>& nodes) {
  const auto found = std::ranges::find_if(nodes, &WorldNode::child_running);
  return found == nodes.end() ? nullptr : *found;
}

// Once a span all servers are compared with how they were at its beginning.
void compare_loads(Step& step, const std::set<const WorldNode*>& nodes) {
  auto& notes = step.notebook().speed;
  if (notes.since && step.scene.now - *notes.since < kBetweenChanges) return;
  const double seconds =
      notes.since ? std::chrono::duration<double>(step.scene.now - *notes.since).count() : 0;
  notes.strain.reset();
  for (const auto* node : nodes) {
    const auto& first = notes.first.try_emplace(node->pod, load_of(*node)).first->second;
    const auto [since, fresh] = notes.loads.try_emplace(node->pod, load_of(*node));
    if (!fresh && !notes.strain)
      notes.strain = strain({*node, since->second, first, seconds}, step.spec.safety);
    since->second = load_of(*node);
  }
  notes.since = step.scene.now;
}

void follow(Step& step, const ProbeReading& probe) {
  auto& notes = step.notebook().speed;
  const double allowed = step.spec.safety.max_latency_millis;
  const bool far = probe.p99_millis > kFar * allowed;
  if (!far) notes.far_since.reset();
  if (far && !notes.far_since) notes.far_since = step.scene.now;
  if (notes.changed && step.scene.now - *notes.changed < kBetweenChanges) return;
  const int bearable = notes.strain ? std::max(kLeast, notes.calm * kStrained / 100) : 100;
  const int next = std::min(bearable, next_calm(notes.calm, probe.p99_millis, allowed));
  if (next == notes.calm) return;
  notes.calm = next;
  notes.changed = step.scene.now;
}

void tell_speed(Step& step, int percent, std::string why) {
  auto& status = step.status();
  if (percent == status.speed_percent) return;
  status.speed_percent = percent;
  status.speed_reason = percent == 100 ? "" : std::move(why);
  step.decision.actions.emplace_back(SetSpeed{percent});
}

}  // namespace

void adapt_speed(Step& step) {
  const ProbeReading* probe = slowest(step.scene);
  if (probe == nullptr) return;
  const auto nodes = touched(step);
  compare_loads(step, nodes);
  follow(step, *probe);
  const auto& [calm, strained] = std::tie(step.notebook().speed.calm, step.notebook().speed.strain);
  const WorldNode* saving = who_saves(nodes);
  if (saving != nullptr && calm > kWhileSaving)
    return tell_speed(step, kWhileSaving, fmt::format("{} saves its data or rewrites its AOF", saving->pod));
  tell_speed(step, calm, strained.value_or(in_millis(*probe, step.spec.safety.max_latency_millis)));
}

std::optional<Decision> hold_for_latency(Step& step) {
  auto& notes = step.notebook().speed;
  const ProbeReading* probe = slowest(step.scene);
  if (probe == nullptr) return std::nullopt;
  const std::string why = in_millis(*probe, step.spec.safety.max_latency_millis);
  if (notes.far_since && step.scene.now - *notes.far_since >= kFarPatience) notes.held = true;
  if (probe->p99_millis <= step.spec.safety.max_latency_millis) notes.held = false;
  if (!notes.held) return std::nullopt;
  if (!step.scene.running.empty()) return step.act(StopBatches{why}, "LatencyHigh", why);
  return step.stay("LatencyHigh", why + "; nothing moves until it is below that");
}

}  // namespace rebalance
