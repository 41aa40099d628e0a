#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "cli/check_report.h"
#include "cli/commands.h"
#include "cli/pair_rows.h"
#include "cli/pod_findings.h"
#include "cli/server_load.h"
#include "cli/yaml_text.h"
#include "control/access.h"
#include "control/observer.h"
#include "control/run.h"
#include "kube/manifest_files.h"
#include "plan/hot_slots.h"
#include "plan/planner.h"
#include "plan/steady.h"
#include "reconcile/preflight.h"
#include "redis/sizes.h"

namespace rebalance {
namespace {

void append(std::vector<Finding>& to, std::vector<Finding> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::vector<Finding> plan_findings(const Plan& plan, const Survey& seen) {
  if (plan.refusal) {
    const auto remedy =
        plan.refusal->remedies.empty() ? std::string() : plan.refusal->remedies.front().sentence;
    return {{Severity::kBlocker, "PlanRefused", plan.refusal->pod,
             plan.refusal->rule + ": " + plan.refusal->sentence, remedy}};
  }
  auto out = preflight(plan, seen.world, seen.resource.spec);
  const auto evidence = plan.nothing_to_do()
                            ? std::string("nothing to do: the goal is reached")
                            : fmt::format("{} slots, {} in {} batches; every prefix fits", plan.slots,
                                          human_bytes(plan.bytes), plan.batches.size());
  out.push_back({Severity::kOk, "Plan", "", evidence, ""});
  append(out, pair_rows(plan, seen.world));
  const auto unknown = operations_unknown(seen.world, seen.resource.spec.hot_slots);
  if (!plan.nothing_to_do() && !unknown.empty()) out.push_back({Severity::kOk, "HotSlots", "", unknown, ""});
  return out;
}

// After a move sizes are measured anew, on servers whose tables have grown or shrunk: a balance is judged by
// its skew alone, not by whether the planner would find one more slot to move.
bool reached(const Plan& plan, const GoalSpec& goal) {
  if (plan.nothing_to_do()) return true;
  return goal.type == GoalType::kBalance && plan.skew_before <= 1 + goal.balance.tolerance_percent / 100.0;
}

Finding goal_finding(const Plan& plan, const GoalSpec& goal) {
  const auto skew = fmt::format("skew {:.3f}", plan.skew_before);
  if (reached(plan, goal)) return {Severity::kOk, "GoalReached", "", skew + ", within the tolerance", ""};
  const auto rest = plan.refusal ? plan.refusal->sentence
                                 : fmt::format("{} slots ({}) are still to move; {}", plan.slots,
                                               human_bytes(plan.bytes), skew);
  return {Severity::kBlocker, "GoalNotReached", plan.refusal ? plan.refusal->pod : "", rest, "run again"};
}

SecretReader secrets_of(ManifestFiles& store, const std::string& name_space) {
  return [&store, name_space](const std::string& name) -> Result<std::map<std::string, std::string>> {
    TRY(found, store.secret(name_space, name));
    return found.data;
  };
}

std::map<NodeId, SlotSet> moving_slots(const Plan& plan) {
  std::map<NodeId, SlotSet> out;
  for (const auto& batch : plan.batches) {
    for (const auto& range : batch.slots.ranges()) out[batch.source].add(range);
  }
  return out;
}

Result<std::vector<BigKeyLine>> big_keys(const Survey& seen, const Plan& plan, ManifestFiles& store) {
  std::vector<BigKeyLine> out;
  for (const auto& [id, slots] : moving_slots(plan)) {
    const auto* node = seen.world.find(id);
    const auto* pod = find_pod(seen.pods, node->pod);
    if (pod == nullptr) continue;
    TRY(connection,
        Connection::open(connect_options(*pod, seen.resource.spec.cluster,
                                         secrets_of(store, seen.resource.name_space), kLookName)));
    TRY(found, find_big_keys(connection, slots, seen.resource.spec.big_keys.threshold));
    for (const auto& key : found) out.push_back({key.key, key.type, key.bytes, key.slot, node->pod});
  }
  std::ranges::stable_sort(out, std::greater(), &BigKeyLine::bytes);
  return out;
}

std::vector<Finding> load_of_touched(const Survey& seen, const Plan& plan, ManifestFiles& store) {
  std::set<PodName> pods;
  for (const auto& id : touched(plan)) pods.insert(seen.world.pod_of(id));
  const auto& resource = seen.resource;
  std::vector<NodeAccess> accesses;
  for (const auto& pod : seen.pods) {
    if (!pods.contains(pod.name)) continue;
    accesses.push_back({pod.name, connect_options(pod, resource.spec.cluster,
                                                  secrets_of(store, resource.name_space), kLookName)});
  }
  return load_findings(measure_load(accesses), !resource.spec.windows.empty());
}

Result<CheckReport> looked(const Options& options, ManifestFiles& store) {
  TRY(seen, survey(store));
  const auto& spec = seen.resource.spec;
  CheckReport report;
  report.container = seen.pods.front().container;
  report.findings = seen.world.findings;
  if (!options.verify) append(report.findings, pod_findings(seen.pods, seen.world, spec.headroom));
  // Without a whole picture a plan would say nothing true.
  if (first_blocker(report.findings) == nullptr) {
    TRY(plan, make_plan(seen.world, spec));
    if (options.verify) {
      report.findings.push_back(goal_finding(plan, spec.goal));
    } else {
      append(report.findings, plan_findings(plan, seen));
      append(report.findings, load_of_touched(seen, plan, store));
    }
    if (options.big_keys) {
      TRY(found, big_keys(seen, plan, store));
      report.big_keys = std::move(found);
      report.big_key_threshold = spec.big_keys.threshold;
    }
  }
  report.findings = arranged(std::move(report.findings), seen.world);
  if (!options.verify) report.steady = judge_steady(seen.world, spec);
  return report;
}

}  // namespace

int check_command(const Options& options) {
  ManifestFiles store(options.files, std::cin);
  const auto report = looked(options, store);
  if (!report) return fail(report.error());
  switch (options.output) {
    case Output::kText: fmt::print("{}", check_text(*report, {colours_wanted(STDOUT_FILENO)})); break;
    case Output::kJson: fmt::print("{}", check_json(*report)); break;
    case Output::kYaml: fmt::print("{}", yaml_of_json(check_json(*report))); break;
  }
  return report->blocked() ? kRefusedCode : kDone;
}

}  // namespace rebalance
