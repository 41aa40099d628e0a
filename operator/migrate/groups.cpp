#include "migrate/groups.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "migrate/atomic.h"
#include "migrate/live_copy.h"

namespace rebalance {
namespace {

// Of one group. An atomic one is the whole batch, which the memory gate has sized.
int most_slots(const BatchJob& job, Engine engine) {
  const int slots = std::max(1, job.batch.slots.size());
  const auto keys = std::max<std::int64_t>(1, job.batch.keys / slots);
  if (engine == Engine::kAtomicRedis) return slots;
  if (engine == Engine::kAtomicValkey)
    return static_cast<int>(std::clamp<std::int64_t>(kMostKeysOfAtomicValkey / keys, 1, slots));
  const Bytes mean = std::max<Bytes>(1, job.batch.bytes / slots);
  const bool live = engine == Engine::kLiveCopy;
  const int slots_at_once = live ? job.options.live_group_slots : job.options.group_slots;
  const auto most =
      static_cast<int>(std::clamp<Bytes>(job.options.group_bytes / mean, 1, std::max(1, slots_at_once)));
  return live ? static_cast<int>(std::clamp<std::int64_t>(kMostKeysOfLiveGroup / keys, 1, most)) : most;
}

}  // namespace

std::vector<Group> groups_of(const BatchJob& job, const std::string& source_run_id) {
  std::vector<Group> groups;
  SlotSet fresh = job.batch.slots;
  for (const auto& intent : job.earlier) {
    if (intent.source != job.source.id || intent.target != job.target.id) continue;
    const auto adopted = intersection(fresh, intent.slots);
    if (adopted.empty()) continue;
    const bool proven = !intent.source_run_id.empty() && intent.source_run_id == source_run_id;
    groups.push_back({job.engine, adopted, true, proven, intent.engine == Engine::kLiveCopy});
    fresh.remove(adopted);
  }
  std::ranges::move(pieces_of(job, job.engine, fresh), std::back_inserter(groups));
  return groups;
}

std::vector<Group> pieces_of(const BatchJob& job, Engine engine, const SlotSet& slots) {
  std::vector<Group> pieces;
  const int most = most_slots(job, engine);
  SlotSet next;
  for_each_slot(slots, [&](Slot slot) {
    next.add(slot);
    if (next.size() == most) pieces.push_back({engine, std::exchange(next, {})});
  });
  if (!next.empty()) pieces.push_back({engine, next});
  return pieces;
}

}  // namespace rebalance
