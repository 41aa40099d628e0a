#include "api/features.h"

#include <fmt/format.h>

namespace rebalance {
namespace {

class Refusals {
 public:
  explicit Refusals(const SetPaths& set) : set_(set) {}

  // Refuses `path` when the file sets it and the value asks for something.
  void add(const std::string& path, bool asks, const std::string& what, const std::string& instead) {
    if (!asks || !set_.contains(path)) return;
    found_.push_back({path, fmt::format("{} is not there yet in this version; {}", what, instead)});
  }

  std::vector<Violation> take() { return std::move(found_); }

 private:
  const SetPaths& set_;
  std::vector<Violation> found_;
};

constexpr auto kLeaveOut = "leave the field out";

}  // namespace

std::vector<Violation> unsupported_features(const RebalanceSpec& spec, const SetPaths& set) {
  Refusals refusals(set);
  refusals.add("spec.headroom.onShortage", spec.headroom.on_shortage == OnShortage::kResize,
               "onShortage Resize", "use Refuse or Wait");
  refusals.add("spec.safety.maxLatencyMillis", true, "safety.maxLatencyMillis (own probes)", kLeaveOut);
  refusals.add("spec.hotSlots", spec.hot_slots.action != HotSlotAction::kIgnore, "hotSlots",
               "use action: Ignore");
  refusals.add("spec.coldKeys", true, "coldKeys", kLeaveOut);
  refusals.add("spec.activeDefrag", spec.defrag_during_move, "activeDefrag DuringMove", "use Never");
  refusals.add("spec.canary.maxLatencyIncreasePercent", true, "canary.maxLatencyIncreasePercent (own probes)",
               kLeaveOut);
  refusals.add("spec.canary.maxErrorPercent", true, "canary.maxErrorPercent (own probes)", kLeaveOut);
  refusals.add("spec.ttlSecondsAfterFinished", true, "ttlSecondsAfterFinished", kLeaveOut);
  return refusals.take();
}

std::vector<std::string> defaulted_missing_features(const RebalanceSpec& spec, const SetPaths& set) {
  std::vector<std::string> missing;
  if (spec.canary.slots > 0)
    missing.emplace_back("canary.maxLatencyIncreasePercent and canary.maxErrorPercent (of own probes)");
  if (!set.contains("spec.hotSlots")) {
    missing.push_back(
        fmt::format("hotSlots (slots with over {} % of a node move last)", spec.hot_slots.share_percent));
  }
  if (!set.contains("spec.coldKeys"))
    missing.emplace_back("coldKeys (a report of keys that nobody used for long)");
  missing.push_back(fmt::format("safety.maxLatencyMillis (slower while own probes take over {} ms)",
                                spec.safety.max_latency_millis));
  return missing;
}

}  // namespace rebalance
