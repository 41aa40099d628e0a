// explain: from files, as `plan` looks at them, or what an operator says of a RedisRebalance.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/api_place.h"
#include "cli/commands.h"
#include "cli/explain_text.h"
#include "cli/pod_findings.h"
#include "cli/subject.h"
#include "cli/yaml_text.h"
#include "codec/record_codec.h"
#include "control/plan_record.h"
#include "control/rebalance_object.h"
#include "control/run.h"
#include "kube/config_map_documents.h"
#include "plan/explain.h"
#include "plan/planner.h"
#include "reconcile/decide.h"

namespace rebalance {
namespace {

// What `run` would decide now, were the cluster claimed and gossip at rest, in the very words of the status.
Decision foreseen(RedisRebalance resource, const World& world) {
  if (resource.spec.execution == Execution::kRollBack) resource.spec.execution = Execution::kRun;
  Scene scene;
  scene.world = world;
  scene.claim_held = true;
  scene.big_keys = std::map<Slot, std::string>();
  scene.now = BootClock::now();
  scene.wall = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  scene.wall_time = rfc3339(scene.wall);
  scene.zones = zones_of(resource.spec.windows);
  Notebook notebook;
  notebook.waiting_since = scene.now - std::chrono::hours(1);
  return decide(resource, {}, notebook, scene);
}

std::vector<Finding> blockers(std::vector<Finding> findings) {
  std::erase_if(findings, [](const Finding& finding) { return finding.severity != Severity::kBlocker; });
  return findings;
}

std::vector<std::string> notes_of(const Subject& subject) {
  std::vector<std::string> notes;
  if (subject.resource.spec.execution == Execution::kRollBack)
    notes.emplace_back("spec.execution is RollBack: this is the way to the goal; `run` goes back instead");
  if (subject.resource.spec.big_keys.action != BigKeyAction::kMove)
    notes.emplace_back("bigKeys.action is not Move: `check --big-keys` says which slots hold big keys");
  return notes;
}

Result<Explained> from_files(const Options& options) {
  ManifestFiles store(options.files, std::cin);
  TRY(subject, subject_of(options, store));
  auto decision = foreseen(subject.resource, subject.world);
  Explained facts{std::move(decision.status), true, {}, std::move(subject.world),
                  subject.resource.spec,      {},   {}};
  facts.findings = blockers(arranged(facts.world.findings, facts.world));
  if (!facts.status.plan && facts.findings.empty() && facts.status.reason != "InvalidGoal") {
    TRY(plan, make_plan(facts.world, facts.spec));  // paused, or cancelled
    facts.status.plan = std::move(plan);
  }
  if (facts.status.plan)
    facts.plan = *facts.status.plan;
  else
    facts.plan.nodes = unplanned(facts.world, facts.spec.headroom);
  for (auto& note : notes_of(subject)) facts.plan.notes.push_back(std::move(note));
  if (facts.status.plan && !facts.plan.refusal && facts.world.find_pod(options.pod) != nullptr) {
    if (auto tried = limit_to_receive(facts.world, facts.spec, options.pod))
      facts.more.push_back(*std::move(tried));
  }
  return facts;
}

// The plan that the operator keeps beside the status until its end; its batches are not in the status.
Result<std::optional<Plan>> kept_plan(const Place& place, const StoredRebalance& stored) {
  if (stored.status.plan_config_map.empty()) return std::optional<Plan>();
  RedisRebalance owner;
  owner.name = stored.name, owner.name_space = stored.name_space, owner.uid = stored.uid;
  ConfigMapDocuments documents(*place.client, reference_to(owner), stored.status.plan_config_map);
  TRY(text, documents.get(kRecord));
  if (!text) return std::optional<Plan>();
  TRY(record, decode_record(*text));
  return record.roll_back ? std::optional<Plan>() : std::optional(std::move(record.plan));
}

Result<Explained> from_cluster(const Options& options) {
  TRY(place, place_of(options));
  TRY(object, read_rebalance(place, options.name));
  TRY(stored, decode_stored_rebalance(object.dump()));
  auto kept = kept_plan(place, stored);
  if (!kept && options.slot) return std::unexpected(kept.error());  // a slot has no other source
  TRY(facts, explained_by(object, stored, kept ? *kept : std::nullopt));
  if (!kept) facts.plan.notes.push_back("the batches of its plan cannot be read: " + kept.error().message);
  return std::move(facts);
}

Result<int> explain(const Options& options) {
  TRY(facts, options.name.empty() ? from_files(options) : from_cluster(options));
  const Question question{options.slot, options.pod};
  TRY(answer, options.output == Output::kText ? explain_text(facts, question, {colours_wanted(STDOUT_FILENO)})
                                              : explain_json(facts, question));
  fmt::print("{}", options.output == Output::kYaml ? yaml_of_json(answer) : answer);
  return explained_code(facts.status);
}

}  // namespace

int explain_command(const Options& options) {
  const auto code = explain(options);
  return code ? *code : fail(code.error());
}

}  // namespace rebalance
