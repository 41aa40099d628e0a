#include "reconcile/preflight_pairs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "model/listed.h"
#include "reconcile/preflight.h"

namespace rebalance {
namespace {

constexpr std::int64_t kFarMicros = 5'000;

// The version in the footer of a DUMP payload, which is the RDB version. Measured: Redis 6.2 9, 7.0 10, 8.0
// 12, 8.6 13; Valkey 8.1 11, 9.1 80. From the sources: Redis 7.2 11, 7.4 12. Of Redis 8.2 and 8.4 the worse
// is taken for either side.
int dump_version(const Version& version, bool as_source) {
  const auto [kind, major, minor, patch] = version;
  if (kind == ServerKind::kValkey) return major >= 9 ? 80 : 11;
  if (major < 7) return 9;
  if (major == 7) return minor >= 4 ? 12 : minor >= 2 ? 11 : 10;
  if (major == 8 && minor < 6) return as_source && minor > 0 ? 13 : 12;
  return 13;
}

// RESTORE refuses a payload that is newer than the server; Valkey 9 also those of Redis after the fork (12 to
// 79).
bool can_read(const Version& target, const Version& source) {
  if (target.kind == source.kind && target.major == source.major && target.minor == source.minor) return true;
  const int payload = dump_version(source, true), own = dump_version(target, false);
  if (own >= 80) return payload <= 11 || payload >= 80;
  return payload <= own;
}

std::optional<Finding> age_finding(const WorldNode& source, const WorldNode& target) {
  if (can_read(target.version, source.version)) return std::nullopt;
  return Finding{Severity::kBlocker, "TargetTooOld", target.pod,
                 fmt::format("{} on {} is too old to read the data of {} ({})", target.version.text(),
                             target.pod, source.pod, source.version.text()),
                 "upgrade it first, or move to a node that is not older than the source"};
}

// Functions do not travel with slots: without them FCALL fails on the target as soon as it owns the first
// slot.
std::optional<Finding> functions_finding(const WorldNode& source, const WorldNode& target) {
  if (target.functions >= source.functions) return std::nullopt;
  return Finding{Severity::kBlocker, "FunctionsMissing", target.pod,
                 fmt::format("{} has {} function libraries, {} has {}", target.pod, target.functions,
                             source.pod, source.functions),
                 "load them there: FUNCTION DUMP on the one, FUNCTION RESTORE on the other"};
}

// Every server of that version has them, and which it can read is age_finding()'s.
bool built_in(const std::string& module) { return module == "vectorset" || module == "lua"; }

// Without its module a command fails, and a key of its type cannot even be restored.
std::optional<Finding> modules_finding(const WorldNode& source, const WorldNode& target) {
  std::vector<std::string> missing;
  std::ranges::copy_if(source.modules, std::back_inserter(missing), [&](const std::string& module) {
    return !built_in(module) && std::ranges::find(target.modules, module) == target.modules.end();
  });
  if (missing.empty()) return std::nullopt;
  return Finding{Severity::kBlocker, "ModulesMissing", target.pod,
                 fmt::format("{} has the module{} {}, {} has not", source.pod, missing.size() == 1 ? "" : "s",
                             listed(missing), target.pod),
                 "load the same modules there (loadmodule in its configuration, or MODULE LOAD)"};
}

std::vector<Finding> far_servers(const Plan& plan, const World& world) {
  std::vector<Finding> findings;
  for (const auto& id : touched(plan)) {
    const auto* node = world.find(id);
    if (node == nullptr || node->round_trip_micros <= kFarMicros) continue;
    findings.push_back(
        {Severity::kWarning, "RoundTripLong", node->pod,
         fmt::format("a round trip to it takes {:.1f} ms, and each step of a move waits for one",
                     static_cast<double>(node->round_trip_micros) / 1000),
         "run this program nearer to the servers, in their zone; or see whether the server is overloaded"});
  }
  return findings;
}

}  // namespace

std::vector<Finding> pair_findings(const Plan& plan, const World& world) {
  std::map<std::pair<PodName, std::string>, Finding> findings;
  const auto add = [&](std::optional<Finding> finding) {
    if (finding) findings.emplace(std::pair(finding->where, finding->name), std::move(*finding));
  };
  for (const auto& batch : plan.batches) {
    const auto* source = world.find(batch.source);
    const auto* target = world.find(batch.target);
    if (source == nullptr || target == nullptr) continue;
    add(age_finding(*source, *target));
    add(functions_finding(*source, *target));
    add(modules_finding(*source, *target));
  }
  std::vector<Finding> out;
  for (auto& [key, finding] : findings) out.push_back(std::move(finding));
  std::ranges::move(far_servers(plan, world), std::back_inserter(out));
  return out;
}

}  // namespace rebalance
