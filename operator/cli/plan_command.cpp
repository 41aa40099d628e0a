#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "api/lifetime.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/plan_html.h"
#include "cli/plan_text.h"
#include "cli/pod_findings.h"
#include "cli/subject.h"
#include "cli/yaml_text.h"
#include "codec/plan_codec.h"
#include "codec/world_codec.h"
#include "control/run.h"
#include "plan/planner.h"
#include "reconcile/preflight.h"

namespace rebalance {
namespace {

std::string shown(const Plan& plan, const World& world, Output output) {
  const auto json = [&] { return plan_json(plan); };
  if (output == Output::kJson) return json();
  if (output == Output::kYaml) return yaml_of_json(json());
  return plan_text(plan, world, {colours_wanted(STDOUT_FILENO)});
}

// Blockers stop a run, so they stop the plan; goal Repair is there to remove what blocks.
const Finding* obstacle(const std::vector<Finding>& findings, const RebalanceSpec& spec) {
  return spec.goal.type == GoalType::kRepair ? nullptr : first_blocker(findings);
}

void say(const std::vector<Finding>& findings) {
  for (const auto& finding : findings) {
    if (finding.severity != Severity::kBlocker) continue;
    fmt::print(stderr, "{}{}{}: {}{}{}\n", finding.name, finding.where.empty() ? "" : " at ", finding.where,
               finding.evidence, finding.remedy.empty() ? "" : " -> ", finding.remedy);
  }
  fmt::print(stderr, "redis-rebalance: nothing is moved while this stands in the way; `check` says more\n");
}

Status write_page(const Options& options, const Subject& subject, const std::optional<Plan>& plan,
                  const std::vector<Finding>& findings) {
  if (options.html.empty()) return {};
  const auto now = rfc3339(std::chrono::system_clock::now());
  return write_whole(options.html, plan_html({subject.resource, subject.world, plan, findings, now}));
}

// Only a plan of the real cluster can be approved. That the folder is in use by a run is no reason not to
// show it.
void keep(const Options& options, const Subject& subject, const Plan& plan) {
  if (!options.from.empty() || plan.refusal || plan.batches.empty()) return;
  if (const auto kept = keep_plan(subject.resource, plan, options.state); !kept) {
    fmt::print(stderr, "redis-rebalance: the plan could not be kept for `run --plan-hash`: {}\n",
               kept.error().message);
  }
}

Result<int> plan_and_show(const Options& options) {
  ManifestFiles store(options.files, std::cin);
  TRY(subject, subject_of(options, store));
  if (!options.save.empty()) TRY_OK(write_whole(options.save, world_yaml(subject.world)));
  auto findings = arranged(subject.world.findings, subject.world);
  if (obstacle(findings, subject.resource.spec) != nullptr) {
    TRY_OK(write_page(options, subject, std::nullopt, findings));
    say(findings);
    return kRefusedCode;
  }
  TRY(plan, make_plan(subject.world, subject.resource.spec));
  if (subject.resource.spec.execution == Execution::kRollBack)
    plan.notes.emplace_back(
        "spec.execution is RollBack: this is the way to the goal; `run` goes back instead");
  if (auto ignored = ttl_ignored(subject.resource); !ignored.empty())
    plan.notes.push_back(std::move(ignored));
  for (auto& finding : preflight(plan, subject.world, subject.resource.spec))
    findings.push_back(std::move(finding));
  TRY_OK(write_page(options, subject, plan, findings));
  fmt::print("{}", shown(plan, subject.world, options.output));
  if (obstacle(findings, subject.resource.spec) != nullptr) {
    say(findings);
    return kRefusedCode;
  }
  keep(options, subject, plan);
  return plan.refusal ? kRefusedCode : kDone;
}

}  // namespace

int plan_command(const Options& options) {
  const auto code = plan_and_show(options);
  return code ? *code : fail(code.error());
}

}  // namespace rebalance
