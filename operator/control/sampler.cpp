#include "control/sampler.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/bell.h"
#include "redis/observe.h"

namespace rebalance {
namespace {

constexpr Millis kPeriod{250};
constexpr int kMostProbesAReading = 10;
constexpr std::size_t kReadingsKept = 20;  // five seconds of probes
constexpr int kProbesOfAllAReading = 500;  // in a large cluster fewer of each

bool answers(Connection& connection) {
  const auto reply = connection.command({"PING"});
  return reply && !reply->is_error();
}

}  // namespace

Sampler::Sampler(std::vector<WatchedNode> nodes) : nodes_(std::move(nodes)), seen_(nodes_.size()) {
  const int each = kProbesOfAllAReading / std::max(1, static_cast<int>(nodes_.size()));
  probes_a_reading_ = std::clamp(each, 1, kMostProbesAReading);
  for (auto& seen : seen_)
    seen.probes = ProbeWindow(kReadingsKept * static_cast<std::size_t>(probes_a_reading_));
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    threads_.emplace_back([this, i](const std::stop_token& stop) { sample(i, stop); });
  }
}

void Sampler::sample(std::size_t index, const std::stop_token& stop) {
  Bell never;
  std::optional<Connection> connection;
  for (int turn = 0; !stop.stop_requested(); turn++) {
    if (!connection || connection->broken()) {
      connection.reset();
      if (auto opened = Connection::open(nodes_[index].access)) connection = *std::move(opened);
    }
    if (connection && turn % probes_a_reading_ == 0) {
      if (const auto reading = read_memory(*connection)) take(index, *reading);
    }
    probe(index, connection ? &*connection : nullptr);
    never.wait(stop, connection ? kPeriod / probes_a_reading_ : kPeriod);
  }
}

// Timed by the clock that stands still while this machine sleeps: our own sleep is no latency of the server.
void Sampler::probe(std::size_t index, Connection* connection) {
  const auto asked = std::chrono::steady_clock::now();
  const bool answered = connection != nullptr && answers(*connection);
  const auto took = std::chrono::steady_clock::now() - asked;
  const std::scoped_lock lock(mutex_);
  auto& probes = seen_[index].probes;
  if (!answered) return probes.failed();
  probes.answered(std::chrono::duration_cast<std::chrono::microseconds>(took));
}

void Sampler::take(std::size_t index, const MemoryReading& reading) {
  const std::scoped_lock lock(mutex_);
  seen_[index].latest = reading;
  seen_[index].peak = std::max(seen_[index].peak, reading.base());
}

std::map<NodeId, MemoryReading> Sampler::latest() const {
  const std::scoped_lock lock(mutex_);
  std::map<NodeId, MemoryReading> readings;
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    if (seen_[i].latest) readings[nodes_[i].id] = *seen_[i].latest;
  }
  return readings;
}

std::vector<PodView> Sampler::pods() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PodView> views;
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    const auto& node = nodes_[i];
    views.push_back({node.pod, node.walls.limit, node.walls.ceiling,
                     seen_[i].latest ? seen_[i].latest->base() : 0, seen_[i].peak});
  }
  std::ranges::sort(views, {}, &PodView::pod);
  return views;
}

std::vector<ProbeReading> Sampler::probes() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ProbeReading> readings;
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    const auto& probes = seen_[i].probes;
    readings.push_back({nodes_[i].pod, probes.p99_millis(), probes.all(), probes.failures()});
  }
  return readings;
}

std::optional<std::string> Sampler::flood() const {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    const auto& node = nodes_[i];
    if (node.walls.limit <= 0 || !seen_[i].latest || seen_[i].latest->base() <= node.walls.flood) continue;
    return fmt::format("{} stands at {}, above its flood mark of {} (limit {})", node.pod,
                       human_bytes(seen_[i].latest->base()), human_bytes(node.walls.flood),
                       human_bytes(node.walls.limit));
  }
  return std::nullopt;
}

}  // namespace rebalance
