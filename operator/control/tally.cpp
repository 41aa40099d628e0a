#include "control/tally.h"

#include <algorithm>

namespace rebalance {
namespace {

double eta(Bytes left, double rate) {
  return rate > 0 ? static_cast<double>(std::max<Bytes>(0, left)) / rate : -1;
}

}  // namespace

void Tally::begin(const Plan& plan, const World& world) {
  for (const auto& batch : plan.batches) {
    auto& row = pair({batch.source, batch.target});
    row.source = world.pod_of(batch.source);
    row.target = world.pod_of(batch.target);
    row.slots_total += batch.slots.size();
    row.keys_total += batch.keys;
    row.bytes_total += batch.bytes;
  }
}

PairView& Tally::pair(const Pair& key) {
  const auto found = std::ranges::find(pairs_, key, &std::pair<Pair, PairView>::first);
  return found != pairs_.end() ? found->second : pairs_.emplace_back(key, PairView{}).second;
}

void Tally::written(Instant when) {
  if (!first_write_) first_write_ = when;
}

void Tally::add(const Batch& batch, const BatchResult& result) {
  auto& row = pair({batch.source, batch.target});
  SlotSet fresh = result.done;  // a batch that failed late may name a slot twice
  fresh.remove(moved_);
  moved_.add(fresh);
  row.slots_done += fresh.size();
  row.keys_done += result.keys;
  row.bytes_done += result.bytes;
  keys_ += result.keys;
  bytes_ += result.bytes;
  if (result.last_agreement)
    last_agreement_ = std::max(last_agreement_.value_or(Instant{}), *result.last_agreement);
}

double Tally::moving_seconds() const {
  return first_write_ && last_agreement_ ? seconds_between(*first_write_, *last_agreement_) : 0;
}

void Tally::fill(RunView& view, const std::vector<PairProgress>& running, Instant now) const {
  const double seconds = first_write_ ? std::max(0.001, seconds_between(*first_write_, now)) : 0;
  for (const auto& [key, counted] : pairs_) {
    PairView row = counted;
    for (const auto& live : running) {
      if (Pair{live.source, live.target} != key) continue;
      row.running = true;
      row.slots_done += live.slots_done;
      row.keys_done += live.keys_done;
      row.bytes_done += live.bytes_done;
    }
    row.bytes_per_second = seconds > 0 ? static_cast<double>(row.bytes_done) / seconds : 0;
    row.eta_seconds = eta(row.bytes_total - row.bytes_done, row.bytes_per_second);
    view.slots_done += row.slots_done;
    view.slots_total += row.slots_total;
    view.bytes_done += row.bytes_done;
    view.bytes_total += row.bytes_total;
    view.pairs.push_back(std::move(row));
  }
  view.bytes_per_second = seconds > 0 ? static_cast<double>(view.bytes_done) / seconds : 0;
  view.eta_seconds = eta(view.bytes_total - view.bytes_done, view.bytes_per_second);
}

}  // namespace rebalance
