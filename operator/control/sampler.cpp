#include "control/sampler.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/bell.h"
#include "redis/observe.h"

namespace rebalance {
namespace {

constexpr Millis kPeriod{250};

}  // namespace

Sampler::Sampler(std::vector<WatchedNode> nodes) : nodes_(std::move(nodes)), seen_(nodes_.size()) {
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    threads_.emplace_back([this, i](const std::stop_token& stop) { sample(i, stop); });
  }
}

void Sampler::sample(std::size_t index, const std::stop_token& stop) {
  Bell never;
  std::optional<Connection> connection;
  while (!stop.stop_requested()) {
    if (!connection || connection->broken()) {
      connection.reset();
      if (auto opened = Connection::open(nodes_[index].access)) connection = *std::move(opened);
    }
    if (connection) {
      if (const auto reading = read_memory(*connection)) take(index, *reading);
    }
    never.wait(stop, kPeriod);
  }
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
