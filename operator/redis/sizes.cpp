#include "redis/sizes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "redis/slot_cpu.h"
#include "redis/slot_queries.h"

namespace rebalance {
namespace {

constexpr std::int64_t kMostListed = 400;  // keys of one GETKEYSINSLOT when sampling
constexpr std::int64_t kFewestSampled = 3;
constexpr Bytes kTellingDataset = 8 * kMiB;  // below it, buffers and scripts blur what the server counts
constexpr double kOverheadStep = 16;         // bytes a key
constexpr double kWaver = 256 * 1024.0;      // bytes in all that tell nothing
constexpr double kBelievable = 2.0;          // factor between the sum and the server's own count
constexpr double kWorstScale = 1.5;
constexpr double kMostOverheadPerKey = 96;  // 60 to 65 on Redis 6.0, 20 to 25 on newer ones
constexpr double kOrdinaryGapPercent = 25;

// What MEMORY STATS has under a name, also inside of "db.0".
std::int64_t statistic(const Reply& stats, std::string_view name) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i + 1 < stats.items.size(); i += 2) {
    const auto& value = stats.items[i + 1];
    if (stats.items[i].text == name) sum += value.integer;
    if (value.is_array()) sum += statistic(value, name);
  }
  return sum;
}

// Bytes of all keys with their places in the hash tables, as the server counts; nothing if it does not tell.
std::optional<Bytes> counted_by_server(Connection& connection) {
  const auto stats = connection.command({"MEMORY", "STATS"});
  if (!stats || !stats->is_array()) return std::nullopt;
  const auto dataset = statistic(*stats, "dataset.bytes");
  if (dataset <= 0) return std::nullopt;
  return dataset + statistic(*stats, "overhead.hashtable.main") +
         statistic(*stats, "overhead.hashtable.expires");
}

// --- the server's own figures ---

bool counts_bytes(const Version& version) {
  return version.kind == ServerKind::kRedis &&
         (version.major > 8 || (version.major == 8 && version.minor >= 4));
}

// [slot, [name, value, ...]]; false: there is no memory-bytes, the server was not started with it.
bool take_stats(const Reply& entry, SlotSizes& sizes) {
  if (entry.items.size() < 2) return false;
  const auto slot = static_cast<std::size_t>(entry.items[0].integer);
  const auto& fields = entry.items[1].items;
  bool has_bytes = false;
  for (std::size_t i = 0; i + 1 < fields.size() && slot < kSlotCount; i += 2) {
    if (fields[i].text == "key-count") sizes.keys[slot] = fields[i + 1].integer;
    if (fields[i].text != "memory-bytes") continue;
    sizes.bytes[slot] = fields[i + 1].integer;
    has_bytes = true;
  }
  return has_bytes;
}

bool believable(Connection& connection, const SlotSizes& sizes) {
  Bytes sum = 0;
  for (const auto bytes : sizes.bytes) sum += bytes;
  const auto counted = counted_by_server(connection);
  if (!counted || *counted < kTellingDataset) return true;
  const double ratio = static_cast<double>(sum) / static_cast<double>(*counted);
  return ratio < kBelievable && ratio > 1 / kBelievable;
}

Result<std::optional<SlotSizes>> read_slot_stats(Connection& connection, const SlotSet& owned) {
  TRY(replies, connection.pipeline(slot_stats_questions(owned)));
  SlotSizes sizes;
  sizes.exact = true;
  for (const auto& reply : replies) {
    if (!reply.is_array()) return std::optional<SlotSizes>();  // not known, or not permitted
    for (const auto& entry : reply.items) {
      if (!take_stats(entry, sizes)) return std::optional<SlotSizes>();
    }
  }
  return believable(connection, sizes) ? std::optional(sizes) : std::nullopt;
}

// --- sampling ---

struct Sample {
  Slot slot = 0;
  std::int64_t keys = 0;  // in the slot
  std::int64_t wanted = 0;
  std::int64_t taken = 0;
  double sum = 0, squares = 0;

  double mean() const { return taken == 0 ? 0 : sum / static_cast<double>(taken); }
  double variance() const {
    if (taken < 2) return 0;
    const auto n = static_cast<double>(taken);
    return std::max(0.0, (squares - sum * sum / n) / (n - 1));
  }
  double bytes() const { return mean() * static_cast<double>(keys); }
  // Of bytes(), with the correction for a finite population: a slot that was taken in full has none.
  double squared_error() const {
    if (taken == 0 || taken >= keys) return 0;
    const auto n = static_cast<double>(taken);
    const auto all = static_cast<double>(keys);
    return all * all * (1 - n / all) * variance() / n;
  }
};

struct SampledKey {
  Sample* of;
  std::string key;
};

void pick_evenly(Reply& listed, Sample& sample, std::vector<SampledKey>& picked) {
  const auto size = static_cast<std::int64_t>(listed.items.size());
  const auto count = std::min(sample.wanted, size);
  for (std::int64_t i = 0; i < count; ++i) {
    picked.push_back({&sample, std::move(listed.items[static_cast<std::size_t>(i * size / count)].text)});
  }
}

Result<std::vector<SampledKey>> pick_keys(Connection& connection, std::span<Sample*> samples) {
  std::vector<SampledKey> picked;
  TRY_OK(ask_all(
      connection, samples.size(),
      [&](std::size_t i) {
        const auto listed = std::min({kMostListed, samples[i]->keys, 4 * samples[i]->wanted});
        return Args{"CLUSTER", "GETKEYSINSLOT", std::to_string(samples[i]->slot), std::to_string(listed)};
      },
      [&](std::size_t i, Reply& reply) { pick_evenly(reply, *samples[i], picked); }));
  return picked;
}

// Takes the sample of each anew, `wanted` keys large.
Status take_samples(Connection& connection, std::span<Sample*> samples) {
  TRY(picked, pick_keys(connection, samples));
  for (auto* sample : samples) sample->taken = 0, sample->sum = 0, sample->squares = 0;
  return ask_all(
      connection, picked.size(), [&](std::size_t i) { return memory_usage(picked[i].key, "5"); },
      [&](std::size_t i, const Reply& reply) {
        if (!reply.is_integer()) return;  // it went meanwhile
        const auto bytes = static_cast<double>(reply.integer);
        picked[i].of->taken += 1;
        picked[i].of->sum += bytes;
        picked[i].of->squares += bytes * bytes;
      });
}

Status first_round(Connection& connection, std::vector<Sample>& samples, std::int64_t budget, bool all_keys) {
  const auto slots = std::max<std::int64_t>(1, static_cast<std::int64_t>(samples.size()));
  const auto each = all_keys ? kMostListed : std::max(kFewestSampled, budget / slots);
  std::vector<Sample*> all;
  for (auto& sample : samples) {
    sample.wanted = std::min({sample.keys, each, kMostListed});
    all.push_back(&sample);
  }
  return take_samples(connection, all);
}

// The budget goes in proportion to keys x deviation; only slots that gain half of their sample again are
// asked again.
Status second_round(Connection& connection, std::vector<Sample>& samples, std::int64_t budget) {
  const auto weight = [](const Sample& sample) {
    return sample.taken >= sample.keys ? 0.0
                                       : static_cast<double>(sample.keys) * std::sqrt(sample.variance());
  };
  double total = 0;
  for (const auto& sample : samples) total += weight(sample);
  if (total <= 0) return {};
  std::vector<Sample*> again;
  for (auto& sample : samples) {
    const auto share = static_cast<std::int64_t>(static_cast<double>(budget) * weight(sample) / total);
    const auto wanted = std::min({sample.keys, share, kMostListed});
    if (2 * wanted < 3 * sample.taken) continue;
    sample.wanted = wanted;
    again.push_back(&sample);
  }
  return take_samples(connection, again);
}

struct Estimate {
  double bytes = 0, squared_error = 0;
  double error_percent() const { return bytes <= 0 ? 0 : 100 * std::sqrt(squared_error) / bytes; }
};

Estimate add_up(const std::vector<Sample>& samples) {
  Estimate estimate;
  for (const auto& sample : samples) {
    estimate.bytes += sample.bytes();
    estimate.squared_error += sample.squared_error();
  }
  return estimate;
}

// What makes the sum of MEMORY USAGE what the server counts: so many bytes more for each key (places in hash
// tables and slot indexes), or a factor.
struct Calibration {
  double per_key = 0;
  double factor = 1;
  double error_percent = 0;  // when the gap is too large to be overhead: then the sample missed something

  Bytes apply(const Sample& sample) const {
    return std::llround(sample.bytes() * factor + per_key * static_cast<double>(sample.keys));
  }
};

Calibration calibrate(Connection& connection, const Estimate& estimate, std::int64_t keys) {
  const auto counted = counted_by_server(connection);
  if (!counted || *counted < kTellingDataset || estimate.bytes <= 0) return {};
  const double gap = static_cast<double>(*counted) - estimate.bytes;
  const double per_key = gap / static_cast<double>(keys);
  // In coarse steps: what the server counts wavers by some KiB from one second to the next, a plan should
  // not.
  const double step = std::max(kOverheadStep, kWaver / static_cast<double>(keys));
  if (per_key >= 0 && per_key <= kMostOverheadPerKey) return {.per_key = step * std::round(per_key / step)};
  const double exact = std::clamp(1 + gap / estimate.bytes, 1 / kWorstScale, kWorstScale);
  const double factor = std::round(exact * 50) / 50;
  const double off = 100 * std::abs(factor - 1);
  return {.factor = factor, .error_percent = off > kOrdinaryGapPercent ? off : 0};
}

Result<SlotSizes> sample_slots(Connection& connection, const SlotSet& owned, const SizeOptions& options) {
  const auto slots = each_slot(owned);
  TRY(counts, count_keys(connection, slots));
  SlotSizes sizes;
  std::vector<Sample> samples;
  std::int64_t keys = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    keys += sizes.keys[slots[i]] = counts[i];
    if (counts[i] > 0) samples.push_back({.slot = slots[i], .keys = counts[i]});
  }
  TRY_OK(first_round(connection, samples, options.sampled_keys / 2, keys <= options.sampled_keys));
  TRY_OK(second_round(connection, samples, options.sampled_keys / 2));
  const auto estimate = add_up(samples);
  const auto calibration = calibrate(connection, estimate, keys);
  for (const auto& sample : samples) sizes.bytes[sample.slot] = calibration.apply(sample);
  sizes.error_percent = std::max(estimate.error_percent(), calibration.error_percent);
  return sizes;
}

Result<SlotSizes> measure_bytes(Connection& connection, const NodeState& node, const SizeOptions& options) {
  if (counts_bytes(node.version)) {
    TRY(exact, read_slot_stats(connection, node.slots));
    if (exact) return *exact;
  }
  return sample_slots(connection, node.slots, options);
}

}  // namespace

Result<SlotSizes> measure_slots(Connection& connection, const NodeState& node, const SizeOptions& options) {
  TRY(cpu, SlotCpuLook::begin(connection, node));
  TRY(sizes, measure_bytes(connection, node, options));
  TRY_OK(cpu.end(connection, sizes));
  return sizes;
}

}  // namespace rebalance
