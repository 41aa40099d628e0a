#include "control/controller.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/lifetime.h"
#include "migrate/repair.h"

namespace rebalance {
namespace {

constexpr Millis kViewPeriod{250};
// A look at all servers while slots move: not more often than this, and at most a tenth of the time.
constexpr Millis kLookPeriod{1000};
constexpr int kLookShare = 10;

Member member(const NodeState& node, ConnectOptions access) {
  return {node.id, node.pod, node.role, std::move(access)};
}

// Slots of one group are open together: in a small pod fewer bytes, so that even a flood mark that is met in
// the middle of a group leaves room to finish it.
constexpr Bytes kGroupShareOfLimit = 50;
constexpr Bytes kSmallestGroup = kMiB;

// As many as safety.replicas asks for; Prefer takes what is there.
int replicas_to_wait_for(const SafetySpec& safety, const World& world, const NodeId& node) {
  if (safety.replicas == Requirement::kIgnore) return 0;
  const auto in_sync = std::ranges::count_if(world.replicas_of(node), &WorldNode::in_sync);
  return std::min(safety.min_replicas, static_cast<int>(in_sync));
}

RunnerOptions runner_options(const RebalanceSpec& spec, const World& world, const Plan& plan,
                             const Batch& batch) {
  RunnerOptions options;
  const WorldNode* target = world.find(batch.target);
  if (target != nullptr && target->limit > 0) {
    options.group_bytes = std::clamp(target->limit / kGroupShareOfLimit, kSmallestGroup, options.group_bytes);
  }
  if (spec.batch.max_bytes_per_second) {  // one bound for all pairs that run side by side
    const auto pairs = std::clamp<Bytes>(std::ssize(plan.engines), 1, spec.batch.parallel_pairs);
    options.max_bytes_per_second = *spec.batch.max_bytes_per_second / pairs;
  }
  for (const auto& node : world.nodes) {
    options.node_timeout = std::min(options.node_timeout, Millis(node.cluster_node_timeout_millis));
  }
  options.gentle = spec.engine != EngineChoice::kLiveCopy;
  options.latency = Millis(spec.safety.max_latency_millis);
  options.write_pause = Millis(spec.safety.max_write_pause_millis);
  options.source_replicas = replicas_to_wait_for(spec.safety, world, batch.source);
  options.target_replicas = replicas_to_wait_for(spec.safety, world, batch.target);
  return options;
}

BatchReport report_of(const FinishedBatch& finished, const Plan& plan) {
  const auto& [end, result, seconds] = finished;
  return {end.batch,
          plan.engine_of(end.batch),
          result.done.size(),
          static_cast<int>(end.skipped.size()),
          result.keys,
          result.bytes,
          seconds,
          end.error};
}

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

// Where another run goes on later.
bool ended_early(const std::string& reason) {
  return reason == "Stopped" || reason == "ClaimLost" || reason == "Unavailable";
}

}  // namespace

Controller::Controller(RedisRebalance resource, Observer observer, DocumentStore& documents,
                       std::unique_ptr<Journal> journal, ClusterLease* lease, RaisedLimits* limits,
                       RunOptions options, Reporter& reporter, std::stop_token stop)
    : resource_(std::move(resource)),
      observer_(std::move(observer)),
      documents_(documents),
      journal_(std::move(journal)),
      lease_(lease),
      limits_(limits),
      options_(std::move(options)),
      reporter_(reporter),
      stop_(std::move(stop)),
      log_(documents),
      defrag_(documents),
      cold_(documents, resource_.spec.cold_keys),
      executor_(gate_, *journal_, bell_) {
  status_.execution_started = options_.execution_started;
  zones_ = zones_of(resource_.spec.windows);
  if (!options_.plan_hash.empty()) resource_.spec.approval.plan_hash = options_.plan_hash;
}

Summary Controller::run() {
  if (const auto ignored = ttl_ignored(resource_); !ignored.empty()) reporter_.event("TtlIgnored", ignored);
  recall();
  for (;;) {
    look();
    const auto began = BootClock::now();
    const Decision decision = decide(resource_, status_, notebook_, scene());
    // A shortage by estimate is none yet.
    if (const auto soon = resident_.settles_in(began);
        soon > Millis(0) && decision.status.reason == kWaitsForMemory) {
      look_again_ = true;
      wait(soon);
      continue;
    }
    if (decision.status.plan && !status_.plan) reporter_.decided(seconds_between(began, BootClock::now()));
    repaired_ = false;
    repair_error_.reset();
    ended_.clear();
    tell_changes(decision);
    const auto began_log = begin_log(decision.status);
    status_ = decision.status;
    notebook_ = decision.notebook;
    if (const auto kept = began_log ? keep_record() : began_log; !kept) not_kept(kept.error());
    reporter_.status(status_, world_, cluster_);
    if (ended_early(status_.reason) || rests(status_.state)) break;
    for (const auto& action : decision.actions) act(action);
    if (waiting_for_claim_ &&
        BootClock::now() - *waiting_for_claim_ > std::chrono::seconds(options_.wait_seconds))
      break;
    wait(decision.requeue);
    take_finished();
    flush_log(false);
  }
  end_defrag(defrag_, observer_, reporter_);
  flush_log(true);
  tell_cold_keys();
  auto told = summary();
  if (rests(status_.state) || options_.close_only) put_back_limits();
  return told;
}

// The whole picture when it is due or asked for, else the memory of those that changed.
void Controller::look() {
  const auto now = BootClock::now();
  const bool running = !executor_.running().empty();
  const bool due = now - looked_ > std::max<Millis>(kLookPeriod, look_cost_ * kLookShare);
  if (running && !due && !look_again_) {
    std::vector<NodeId> all;
    for (const auto& node : world_.nodes) all.push_back(node.id);
    observer_.refresh_memory(world_, all);
    return estimate_resident();
  }
  cluster_ = observer_.look();
  const bool planned = status_.plan && !status_.plan->refusal;
  const bool wants_room = status_.reason == kWaitsForMemory && !planned;
  if (!sizes_ || repaired_ || wants_room) sizes_ = observer_.measure(cluster_);
  world_ = make_world(cluster_, observer_.pods(), *sizes_);
  estimate_resident();
  if (running) world_.findings = without_own_moves(std::move(world_.findings));
  look_cost_ = std::chrono::duration_cast<Millis>(BootClock::now() - now);
  looked_ = BootClock::now();
  if (before_.nodes.empty()) before_ = world_;
  look_again_ = false;
}

void Controller::estimate_resident() {
  for (auto& node : world_.nodes) resident_.correct(node.id, node.memory, BootClock::now());
}

// The target and its replicas.
std::vector<NodeId> Controller::takers(const Batch& batch) const {
  std::vector<NodeId> ids{batch.target};
  for (const auto* replica : world_.replicas_of(batch.target)) ids.push_back(replica->id);
  return ids;
}

Scene Controller::scene() {
  Scene scene;
  scene.world = world_;
  scene.open_slots = open_slots(cluster_);
  for (const auto& intent : journal_->intents()) scene.journal_slots.add(intent.slots);
  scene.claim_held = keeper_ != nullptr;
  if (keeper_) scene.claim_lost = gate_.lost();
  scene.claimed_by = claimed_by_;
  scene.claim_problem = claim_problem_;
  scene.initial = initial_;
  scene.running = executor_.running();
  scene.ended = ended_;
  if (sampler_) scene.probes = sampler_->probes();
  scene.big_keys = big_keys_;
  scene.repair_error = repair_error_;
  scene.repaired = repaired_;
  if (limits_ != nullptr) scene.raised = limits_->to_put_back();
  scene.raise_error = raise_error_;
  scene.stop_asked = stop_.stop_requested();
  scene.close_asked = options_.close_only;
  scene.observe_asked = options_.observe;
  scene.cold_deletion_allowed = options_.allow_cold_key_deletion;
  scene.now = BootClock::now();
  scene.wall = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  scene.wall_time = rfc3339(scene.wall);
  scene.zones = zones_;
  return scene;
}

void Controller::tell_changes(const Decision& decision) {
  const auto& next = decision.status;
  if (next.plan && (!status_.plan || status_.plan->hash != next.plan->hash))
    reporter_.plan(*next.plan, world_);
  // A server that came back has lost its claimed connection, maybe with its address: it is claimed anew.
  const bool anew = next.roll_back && !status_.roll_back;
  const bool sleeps = next.state == State::kWaiting && next.reason == kWaitsForWindow;
  if (keeper_ && (anew || sleeps) && executor_.running().empty()) {
    keeper_.reset();
    if (sleeps && lease_ != nullptr) lease_->release();  // for hours: others may work here
  }
  if (sleeps) end_defrag(defrag_, observer_, reporter_);
  if (sets_out(next)) {
    before_ = world_;
    if (tallied_ != next.plan->hash) {
      tally_ = Tally{};  // of this plan alone: going on with it counts on
      tally_.begin(*next.plan, world_);
      tallied_ = next.plan->hash;
    }
    begin_watching();
  }
  for (const auto& failure : next.failures) {
    if (failure.attempt > status_.failure_count) reporter_.event("Failure", failure.what);
  }
  if (next.speed_percent != status_.speed_percent) tell_speed(next);
  const bool changed = next.state != status_.state || next.reason != status_.reason;
  if (changed && !rests(next.state))  // an end is told by the summary
    reporter_.event(next.reason, next.message);
}

void Controller::tell_speed(const RebalanceStatus& next) {
  const bool slower = next.speed_percent < status_.speed_percent;
  const std::string what = fmt::format("moving at {} % of full speed", next.speed_percent);
  reporter_.event(slower ? "SlowedDown" : "SpedUp",
                  next.speed_reason.empty() ? what : what + ": " + next.speed_reason);
}

void Controller::act(const Action& action) {
  std::visit(Overloaded{[&](const TakeClaim&) { take_claim(); },
                        [&](const StartBatch& start) { start_batch(start); },
                        [&](const StopBatches&) { executor_.stop_all(); },
                        [&](const RepairOpen& repair_open) { repair(repair_open); },
                        [&](const FindBigKeys&) { find_big_keys(); },
                        [&](const RaiseLimits& raise) { raise_limits(raise); },
                        [&](const PutBackLimits&) { put_back_now(world_); },
                        [&](const SetSpeed& speed) { executor_.set_speed(speed.percent); }},
             action);
}

// The leases first: they say without a fight who works here. The claim on the servers is what fences.
Result<std::unique_ptr<ClaimKeeper>> Controller::claim_all() {
  std::vector<NodeId> ids;
  std::vector<ConnectOptions> nodes;
  for (const auto& node : cluster_.nodes) {
    ids.push_back(node.id);
    nodes.push_back(observer_.access(node.pod, ""));
  }
  if (lease_ != nullptr) {
    if (auto held = lease_->acquire(ids); !held) return std::unexpected(std::move(held).error());
  }
  gate_.follow(lease_);
  return ClaimKeeper::take(nodes, gate_);
}

void Controller::take_claim() {
  auto taken = claim_all();
  if (taken) {
    keeper_ = *std::move(taken);
    claimed_by_.clear();
    claim_problem_.clear();
    waiting_for_claim_.reset();
    look_again_ = true;
    return;
  }
  const bool other = taken.error().code == ErrorCode::kConflict;
  claimed_by_ = other ? taken.error().message : "";
  claim_problem_ = other ? "" : taken.error().message;
  if (!waiting_for_claim_) waiting_for_claim_ = BootClock::now();
}

void Controller::start_batch(const StartBatch& start) {
  const Batch& batch = start.batch;
  BatchJob job;
  job.batch = batch;
  for (const auto& node : cluster_.nodes) {
    Member one = member(node, observer_.access(node.pod, keeper_->client_name()));
    if (node.id == batch.source) {
      job.source = std::move(one);
    } else if (node.id == batch.target) {
      job.target = std::move(one);
    } else {
      job.others.push_back(std::move(one));
    }
  }
  job.engine = status_.plan->engine_of(batch);
  job.options = runner_options(resource_.spec, world_, *status_.plan, batch);
  job.options.key_room = start.key_room;
  tally_.written(BootClock::now());
  begin_defrag(job.source.pod);
  for (const auto& id : takers(batch)) {
    if (const WorldNode* node = world_.find(id)) resident_.begin(id, node->memory);
  }
  auto first = cold_look(job);
  executor_.start(std::move(job), std::move(first));
}

void Controller::find_big_keys() {
  std::map<Slot, std::string> all;
  for (const auto& batch : status_.plan->batches) {
    const WorldNode* source = world_.find(batch.source);
    if (source == nullptr) continue;
    big_keys_ = observer_.big_keys(source->pod, batch.slots, resource_.spec.big_keys.threshold);
    if (!*big_keys_) return;
    all.merge(**big_keys_);
  }
  big_keys_ = std::move(all);
}

void Controller::repair(const RepairOpen& what) {
  RepairJob job;
  for (const auto& node : cluster_.nodes) {
    job.nodes.push_back(member(node, observer_.access(node.pod, keeper_->client_name())));
  }
  job.intents = journal_->intents();
  job.everything = what.whole_cluster;
  job.replica_marks = what.replica_marks;
  const auto result = run_repair(job, executor_.hooks(), stop_);
  for (const auto& step : result.steps)
    reporter_.event("Repair", fmt::format("slots {}: {}", step.slots.text(), step.reason));
  if (result.error) repair_error_ = result.error;
  if (!result.error && !result.reports.empty()) {
    const auto& first = result.reports.front();
    // Who is away by now was there when the move began.
    const auto who = first.source.empty() ? "" : fmt::format(" ({})", before_.pod_of(first.source));
    repair_error_ =
        Error{ErrorCode::kConflict, fmt::format("slots {}{}: {}", first.slots.text(), who, first.reason)};
  }
  repaired_ = true;
  look_again_ = true;
}

void Controller::begin_watching() {
  std::vector<WatchedNode> watched;
  for (const auto& node : world_.nodes) {
    const bool touched = std::ranges::any_of(
        status_.plan ? status_.plan->batches : std::vector<Batch>{}, [&](const Batch& batch) {
          return batch.source == node.id || batch.target == node.id || batch.target == node.primary;
        });
    if (touched)
      watched.push_back({node.id, node.pod, observer_.access(node.pod, kLookName),
                         walls_of(node, resource_.spec.headroom)});
  }
  sampler_ = std::make_unique<Sampler>(std::move(watched));
  gate_.watch(sampler_.get());
}

void Controller::take_finished() {
  for (auto& finished : executor_.take_finished()) {
    tally_.add(finished.end.batch, finished.result);
    for (const auto& id : takers(finished.end.batch)) resident_.end(id, BootClock::now());
    const auto report = report_of(finished, *status_.plan);
    reporter_.batch_ended(report);
    log_.add(report, world_, rfc3339(std::chrono::system_clock::now()));
    ended_.push_back(std::move(finished.end));
    look_again_ = true;
  }
  status_.cold_keys = cold_.count();
  for (const auto& problem : cold_.take_problems()) reporter_.event("ColdKeysUnknown", problem);
}

void Controller::wait(Millis limit) {
  // A stop wakes at once, but only the first time: then the batches that end are waited for.
  const auto stop = stop_.stop_requested() ? std::stop_token{} : stop_;
  const auto until = BootClock::now() + limit;
  for (auto left = limit; left > Millis(0) && !stop.stop_requested();
       left = std::chrono::duration_cast<Millis>(until - BootClock::now())) {
    reporter_.view(view());
    if (bell_.wait(stop, std::min(left, kViewPeriod))) break;
  }
}

RunView Controller::view() const {
  RunView view{status_.state, status_.reason, status_.message, {}, {}, 0, 0, 0, 0, 0, -1};
  tally_.fill(view, executor_.progress_of_running(), BootClock::now());
  if (sampler_) view.pods = sampler_->pods();
  return view;
}

Summary Controller::summary() {
  Summary summary;
  summary.state = status_.state;
  summary.reason = status_.reason;
  summary.message = status_.message;
  summary.before = before_;
  summary.after = world_;
  if (status_.plan) summary.plan = *status_.plan;
  summary.slots_moved = tally_.slots();
  summary.keys_moved = tally_.keys();
  summary.bytes_moved = tally_.bytes();
  summary.moving_seconds = tally_.moving_seconds();
  summary.total_seconds = seconds_between(began_, BootClock::now());
  if (sampler_) summary.pods = sampler_->pods();
  summary.failures = status_.failures;
  summary.cold_keys = status_.cold_keys;
  summary.exit_code = exit_code(status_.state, status_.reason);
  reporter_.summary(summary);
  return summary;
}

}  // namespace rebalance
