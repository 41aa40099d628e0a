#include "control/run.h"

#include "codec/record_codec.h"
#include "control/controller.h"
#include "control/plan_record.h"
#include "journal/state_folder.h"
#include "redis/defrag.h"

namespace rebalance {
namespace {

// Of every primary that owns slots: which of them give some is not known yet.
void add_defrag_findings(World& world, const ClusterState& cluster, const Observer& observer) {
  for (const auto* node : cluster.primaries()) {
    if (node->slots.empty()) continue;
    auto connection = Connection::open(observer.access(node->pod, kLookName));
    if (!connection) continue;  // a finding already
    const auto obstacle = defrag_obstacle(*connection);
    if (!obstacle || !*obstacle) continue;
    world.findings.push_back({Severity::kWarning, "DefragNotPossible", node->pod, (*obstacle)->message,
                              "it moves all the same; spec.activeDefrag: Never asks for nothing"});
  }
}

SecretReader reader(ObjectStore& store, const std::string& name_space) {
  return [&store, name_space](const std::string& name) -> Result<std::map<std::string, std::string>> {
    TRY(secret, store.secret(name_space, name));
    return std::move(secret.data);
  };
}

Summary failed(const Error& why, Reporter& reporter) {
  Summary summary;
  summary.state = State::kFailed;
  summary.reason = "CannotStart";
  summary.message = why.message;
  summary.exit_code = why.code == ErrorCode::kInvalidInput ? kUsage : kRefusedCode;
  reporter.summary(summary);
  return summary;
}

Result<Summary> run_over_files(ObjectStore& store, const RunOptions& options, Reporter& reporter,
                               const std::stop_token& stop) {
  TRY(objects, store.load());
  const auto& resource = objects.resource;
  if (resource.spec.headroom.on_shortage == OnShortage::kResize) {
    return invalid_input(
        "spec.headroom.onShortage: a run over files has no API server to resize a pod through; use Refuse or "
        "Wait, or apply the RedisRebalance to the cluster");
  }
  TRY(folder, StateFolder::open(state_folder_path(options.state_folder, resource)));
  TRY(journal, Journal::open(*folder));
  Observer observer([pods = objects.pods] { return pods; }, resource.spec.cluster,
                    reader(store, resource.name_space));
  return Controller(resource, std::move(observer), *folder, std::move(journal), nullptr, nullptr, options,
                    reporter, stop)
      .run();
}

}  // namespace

int exit_code(State state, const std::string& reason) {
  if (reason == "Stopped") return kStoppedCode;
  if (reason == "ClaimLost") return kFailedCode;
  switch (state) {
    case State::kSucceeded: return reason == "WorseThanBefore" ? kFailedCode : kDone;
    case State::kRolledBack: return reason == "FailedAndRolledBack" ? kFailedCode : kDone;
    case State::kAwaitingApproval: return kAwaitingApprovalCode;
    case State::kRefused: return reason == "InvalidGoal" ? kUsage : kRefusedCode;
    case State::kPlanStale:
    case State::kWaiting: return kRefusedCode;
    case State::kFailed: return kFailedCode;
    case State::kPaused:
    case State::kCancelled: return kStoppedCode;
    default: return kBug;
  }
}

TimeZones zones_of(const std::vector<Window>& windows) {
  TimeZones zones;
  for (const auto& window : windows) {
    if (auto zone = TimeZone::load(window.time_zone)) zones.emplace(window.time_zone, *std::move(zone));
  }
  return zones;
}

Result<Survey> survey(ObjectStore& store) {
  TRY(objects, store.load());
  Survey survey;
  survey.resource = objects.resource;
  survey.pods = objects.pods;
  Observer observer([&] { return objects.pods; }, objects.resource.spec.cluster,
                    reader(store, objects.resource.name_space));
  survey.cluster = observer.look();
  const SlotSizes sizes = observer.measure(survey.cluster);
  survey.world = make_world(survey.cluster, objects.pods, sizes);
  if (objects.resource.spec.defrag_during_move) add_defrag_findings(survey.world, survey.cluster, observer);
  return survey;
}

Status keep_plan(const RedisRebalance& resource, const Plan& plan, const std::string& state_folder) {
  TRY(folder, StateFolder::open(state_folder_path(state_folder, resource)));
  TRY(text, folder->get(kRecord));
  const auto record = text ? decode_record(*text) : Result<Record>{};
  if (record && record->roll_back) return {};  // the next run goes back, whatever is planned meanwhile
  return keep_plan(*folder, resource, plan, false);
}

Summary run(ObjectStore& store, const RunOptions& options, Reporter& reporter, std::stop_token stop) {
  auto summary = run_over_files(store, options, reporter, stop);
  return summary ? *std::move(summary) : failed(summary.error(), reporter);
}

}  // namespace rebalance
