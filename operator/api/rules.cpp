#include "api/rules.h"

#include <array>
#include <utility>

namespace rebalance {
namespace {

struct Member {
  const char* name;       // of the member
  const char* type_name;  // of the type that it belongs to
  GoalType type;
  bool required;
};

constexpr std::array kMembers{Member{"balance", "Balance", GoalType::kBalance, false},
                              Member{"drain", "Drain", GoalType::kDrain, true},
                              Member{"move", "Move", GoalType::kMove, true}};

void check_goal(const GoalSpec& goal, const SetPaths& set, std::vector<Violation>& broken) {
  const std::string path = "spec.goal";
  for (const auto& [name, type_name, type, required] : kMembers) {
    const bool present = set.contains(path + '.' + name);
    if (present && goal.type != type) {
      broken.push_back({path, std::string(name) + " is only for type " + type_name});
    } else if (required && !present && goal.type == type) {
      broken.push_back({path, std::string("type ") + type_name + " needs " + name});
    } else if (present && type == GoalType::kDrain && goal.drain.pods.empty() &&
               goal.drain.node_ids.empty()) {
      broken.push_back({path + ".drain", "needs pods or nodeIDs"});
    }
  }
}

// Here C++ says more than the schema can: a slot has one new owner.
void check_overlaps(const GoalSpec& goal, std::vector<Violation>& broken) {
  SlotSet seen;
  for (std::size_t i = 0; i < goal.assignments.size(); ++i) {
    const auto& slots = goal.assignments[i].slots;
    const auto path = "spec.goal.move.assignments[" + std::to_string(i) + "].slots";
    if (seen.overlaps(slots)) broken.push_back({path, "overlaps an assignment before it"});
    for (const auto& range : slots.ranges()) seen.add(range);
  }
}

void check_headroom(const HeadroomSpec& headroom, const SetPaths& set, std::vector<Violation>& broken) {
  const std::string path = "spec.headroom";
  if (headroom.high_watermark_percent >= headroom.flood_watermark_percent) {
    broken.push_back({path, "highWatermarkPercent must be below floodWatermarkPercent"});
  }
  if (100 - headroom.min_free_percent > headroom.high_watermark_percent) {
    broken.push_back(
        {path,
         "minFreePercent must leave the ceiling (100 - minFreePercent) at or below highWatermarkPercent"});
  }
  const bool resizes = headroom.on_shortage == OnShortage::kResize;
  const bool has_resize = set.contains(path + ".resize");
  if (has_resize && !resizes) broken.push_back({path, "resize is only for onShortage Resize"});
  if (resizes && !has_resize) broken.push_back({path, "onShortage Resize needs resize"});
}

// A quantity that would make no sense as zero.
void check_positive(const RebalanceSpec& spec, std::vector<Violation>& broken) {
  const std::array<std::pair<const char*, Bytes>, 7> quantities{{
      {"spec.headroom.assumedLimit", spec.headroom.assumed_limit.value_or(1)},
      {"spec.headroom.resize.maxLimit", spec.headroom.resize_max_limit.value_or(1)},
      {"spec.batch.maxBytes", spec.batch.max_bytes},
      {"spec.batch.maxBytesPerSecond", spec.batch.max_bytes_per_second.value_or(1)},
      {"spec.bigKeys.thresholdBytes", spec.big_keys.threshold},
      {"spec.approval.bytes", spec.approval.bytes},
      {"spec.safety.maxReplicaLagBytes", spec.safety.max_replica_lag},
  }};
  for (const auto& [path, bytes] : quantities) {
    if (bytes <= 0) broken.push_back({path, "must be more than 0"});
  }
}

void check_windows(const std::vector<Window>& windows, std::vector<Violation>& broken) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (windows[i].start != windows[i].end) continue;
    broken.push_back({"spec.windows[" + std::to_string(i) + "]", "start and end must differ"});
  }
}

}  // namespace

std::vector<Violation> broken_rules(const RebalanceSpec& spec, const SetPaths& set) {
  std::vector<Violation> broken;
  check_goal(spec.goal, set, broken);
  check_overlaps(spec.goal, broken);
  check_headroom(spec.headroom, set, broken);
  check_positive(spec, broken);
  check_windows(spec.windows, broken);
  return broken;
}

}  // namespace rebalance
