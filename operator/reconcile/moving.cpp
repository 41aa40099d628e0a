// Rebalancing: which batches run now, what went wrong, when it is done.
#include <fmt/format.h>

#include <algorithm>

#include "reconcile/preflight.h"
#include "reconcile/step.h"

namespace rebalance {
namespace {

// How long nothing may start (memory that does not settle, a node that does not come back) before a person is
// asked.
constexpr auto kPatience = std::chrono::seconds(60);
// The same of a cluster that is not well while the first slots are watched: as long as gossip takes.
constexpr std::chrono::seconds kCanaryPatience{10};

// How long room for a deferred key is waited for: allocators give freed buffers back within some ten seconds.
constexpr std::chrono::seconds kKeyPatience{20};

// A pair that failed so often waits until the others are done, so that it does not use up safety.maxFailures
// for them.
constexpr int kMostFailuresOfPair = 2;

// The part of a batch that is left, without slots that were skipped or deferred, or that an earlier batch has
// left open (they are repaired once nothing runs), `most` slots at the most, cut to what the byte bound
// allows, shrunken and slowed down as it is.
Batch rest_of(const Batch& batch, const Step& step, int most) {
  Batch rest = batch;
  rest.slots = remaining(batch, step.scene.world);
  for (const auto& [slot, why] : step.decision.notebook.skipped) rest.slots.remove(slot);
  for (const auto& [slot, key] : step.decision.notebook.deferred) rest.slots.remove(slot);
  rest.slots.remove(step.scene.journal_slots);
  const Bytes bound =
      (step.spec.batch.max_bytes >> step.decision.notebook.shrink) / 100 * step.decision.status.speed_percent;
  const auto& sizes = step.scene.world.sizes;
  SlotSet cut;
  rest.bytes = 0;
  rest.keys = 0;
  int taken = 0;
  for (const auto& range : rest.slots.ranges()) {
    for (int slot = range.first; slot <= range.last; slot++) {
      if (taken >= most || (taken > 0 && rest.bytes + sizes.bytes[slot] > bound)) continue;
      cut.add({static_cast<Slot>(slot), static_cast<Slot>(slot)});
      taken++;
      rest.bytes += sizes.bytes[slot];
      rest.keys += sizes.keys[slot];
    }
  }
  rest.slots = std::move(cut);
  return rest;
}

// One at a time: batches of one pair, and batches of which one takes what the other gives. A node that takes
// slots has its config epoch raised, and what it gives meanwhile could come back to it (migrate/epochs.h).
bool exclude_each_other(const Batch& a, const Batch& b) {
  const bool same_pair = a.source == b.source && a.target == b.target;
  return same_pair || a.source == b.target || a.target == b.source;
}

// A server has one atomic migration at a time, as a source or as a target.
bool share_a_node(const Batch& a, const Batch& b) {
  return a.source == b.source || a.target == b.target || a.source == b.target || a.target == b.source;
}

// Key by key a target serves one source's MIGRATE at a time, and a source serves nobody while its own waits:
// a third one adds little speed and much waiting of clients. Live copy keeps a target busy with one pair; who
// asks for it gets the speed of more, as far as parallelPairs goes (docs/benchmarks.md).
int most_to_one_target(Engine engine, EngineChoice asked) {
  if (engine != Engine::kLiveCopy) return 2;
  return asked == EngineChoice::kLiveCopy ? 4 : 1;
}

bool one_pair_only(const Plan& plan) {
  return std::ranges::all_of(plan.batches, [&](const Batch& batch) {
    return batch.source == plan.batches.front().source && batch.target == plan.batches.front().target;
  });
}

// Starts, in the plan's order, what the gate allows beside what runs. Where a batch does not fit yet, later
// ones to the same target wait behind it, so that its room is not given away.
struct Starter {
  Step& step;
  const Plan& plan;
  std::vector<Batch> running;
  std::vector<InFlight> beside;  // the same with the room for keys of each
  std::vector<NodeId> blocked;
  std::optional<Refusal> refusal;  // the first reason why something did not start
  bool left = false;               // anything still to be moved, running or not
  int most;                        // slots that may still be started

  Starter(Step& now, const Plan& of)
      : step(now), plan(of), running(now.scene.running), most(may_still_start(now, of)) {
    for (const auto& batch : running) beside.push_back({batch, room_of(batch).bytes});
  }

  void take_all() {
    const bool others = std::ranges::any_of(plan.batches, [&](const Batch& batch) {
      return !fails(batch) && !rest_of(batch, step, kSlotCount).slots.empty();
    });
    for (const auto& batch : plan.batches) {
      if (!others || !fails(batch)) take(batch);
    }
    if (left || !running.empty()) return;
    for (const auto& [slot, key] : step.notebook().deferred) take_alone(slot, key);
  }

  bool fails(const Batch& batch) const {
    const auto found = step.decision.notebook.failed.find({batch.source, batch.target});
    return found != step.decision.notebook.failed.end() && found->second >= kMostFailuresOfPair;
  }

  // With a key that had no room beside other batches: it runs by itself, once there is room for it.
  void take_alone(Slot slot, Bytes key) {
    const auto planned = std::ranges::find_if(plan.batches, [&](const Batch& batch) {
      return batch.slots.contains(slot) && remaining(batch, step.scene.world).contains(slot);
    });
    if (planned == plan.batches.end() || step.notebook().skipped.contains(slot)) return;
    const Batch batch = slot_of(*planned, slot);
    const Bytes room = room_for_key(step.scene.world, batch, {}, step.spec, step.notebook().factors);
    const auto& since = step.notebook().waiting_since;
    if (room < key && since && step.scene.now - *since >= kKeyPatience) {
      step.notebook().skipped.emplace(slot, no_room_for(batch, key, room).sentence);
      return;
    }
    left = true;
    if (!running.empty() || most <= 0) return;
    if (room >= key) return start(batch, {room, true});
    if (!refusal) refusal = no_room_for(batch, key, room);
  }

  Batch slot_of(const Batch& planned, Slot slot) const {
    const auto& sizes = step.scene.world.sizes;
    Batch batch = planned;
    batch.slots = SlotSet::of({slot});
    batch.bytes = sizes.bytes[slot];
    batch.keys = sizes.keys[slot];
    return batch;
  }

  Refusal no_room_for(const Batch& batch, Bytes key, Bytes room) const {
    const auto pod = step.scene.world.pod_of(batch.target);
    return {
        "Ceiling",
        pod,
        key - room,
        fmt::format("a key of {} in slot {} has no room for its buffers on {} and {} (and replicas), only "
                    "one of {} has",
                    human_bytes(key), batch.slots.text(), step.scene.world.pod_of(batch.source), pod,
                    human_bytes(room)),
        {}};
  }

  void take(const Batch& planned) {
    left = left || remaining(planned, step.scene.world).overlaps(step.scene.journal_slots);
    Batch batch = rest_of(planned, step, kSlotCount);
    if (batch.slots.empty()) return;
    left = true;
    if (batch.slots.size() > most) batch = rest_of(planned, step, most);
    if (batch.slots.empty()) return;
    const bool full = std::ssize(running) >=
                      std::max(1, step.spec.batch.parallel_pairs * step.status().speed_percent / 100);
    const bool alone = is_atomic(plan.engine_of(batch));
    const bool busy = std::ranges::any_of(running, [&](const Batch& other) {
      return exclude_each_other(batch, other) ||
             ((alone || is_atomic(plan.engine_of(other))) && share_a_node(batch, other));
    });
    const bool crowded = std::ranges::count(running, batch.target, &Batch::target) >=
                         most_to_one_target(plan.engine_of(batch), step.spec.engine);
    if (full || busy || crowded || nothing_beside() || std::ranges::count(blocked, batch.target) > 0) return;
    if (auto no = judge(step.scene.world, batch, beside, step.spec, step.notebook().factors)) {
      blocked.push_back(batch.target);
      if (!refusal) refusal = std::move(no);
      return;
    }
    start(batch, room_for_keys(batch));
  }

  void start(const Batch& batch, const KeyRoom& room) {
    step.notebook().key_rooms[batch.index] = room;
    beside.push_back({batch, room.bytes});
    most -= batch.slots.size();
    running.push_back(batch);
    step.decision.actions.emplace_back(StartBatch{batch, room.bytes});
  }

  // A batch that was given all the room there is for a key runs by itself.
  bool nothing_beside() const {
    return std::ranges::any_of(running, [&](const Batch& batch) { return room_of(batch).all; });
  }

  KeyRoom room_of(const Batch& batch) const {
    const auto& rooms = step.notebook().key_rooms;
    const auto found = rooms.find(batch.index);
    return found != rooms.end() ? found->second : KeyRoom{kMigratePayload, false};
  }

  // Half of it where others may come: with their batches, and with keys of their own.
  KeyRoom room_for_keys(const Batch& batch) const {
    const auto& factors = step.notebook().factors;
    const Bytes room = room_for_key(step.scene.world, batch, beside, step.spec, factors);
    if (step.spec.batch.parallel_pairs == 1 || one_pair_only(plan)) return {room, true};
    return {std::max(kMigratePayload, room / 2), false};
  }
};

// A server that is another process than when execution began lost what it had in flight, and maybe its data.
std::optional<std::string> find_restart(Step& step) {
  for (const auto& [pod, run_id] : step.notebook().run_ids) {
    const WorldNode* node = step.scene.world.find_pod(pod);
    if (node == nullptr || node->run_id == run_id) continue;
    return fmt::format("{} restarted while slots were moving{}; its keys now: {}", pod,
                       node->oom_killed ? " (its container was OOM-killed)" : "", node->keys);
  }
  return std::nullopt;
}

// A restart in the middle: all pairs stop, what is open is repaired, and a person decides (memory.md, "The
// rule").
Decision halt(Step step, const std::string& incident) {
  if (!step.scene.running.empty()) return step.act(StopBatches{incident}, "PodRestarted", incident);
  if (!step.scene.journal_slots.empty() && !step.scene.repaired && !step.scene.repair_error) {
    return step.act(RepairOpen{}, "Repairing", incident);
  }
  return step.enter(State::kFailed, "PodRestarted",
                    incident + "; look at its limit and its data, then run again for a new plan");
}

std::optional<Decision> settle_failures(Step& step) {
  const int failures = step.status().failure_count - step.notebook().failures_before;
  if (failures > 0 && failures >= step.spec.safety.max_failures) {
    const std::string last = step.status().failures.back().what;
    if (!step.scene.running.empty()) return step.act(StopBatches{last}, "TooManyFailures", last);
    return step.enter(State::kFailed, "TooManyFailures",
                      fmt::format("gave up after {} failures; the last one: {}", failures, last));
  }
  return std::nullopt;
}

// Only who holds the claim moves anything.
std::optional<Decision> keep_claim(Step& step) {
  if (step.scene.claim_held) return std::nullopt;
  if (step.scene.running.empty()) return claim(step);
  const char* why = "the cluster is not claimed any more";
  return step.act(StopBatches{why}, "LosingClaim", why);
}

// What this resource left open is closed while nothing runs, before anything else starts. What a repair could
// not close, since a node does not answer, is for hold_unhealthy().
std::optional<Decision> close_open(Step& step) {
  if (!step.scene.running.empty() || step.scene.journal_slots.empty()) return std::nullopt;
  if (step.scene.repaired && !step.scene.repair_error) return std::nullopt;
  if (step.notebook().next_try && step.scene.now < *step.notebook().next_try) {
    return step.stay("BackingOff", step.status().failures.back().what);
  }
  return step.act(RepairOpen{}, "Repairing",
                  fmt::format("closing slots {}", step.scene.journal_slots.text()));
}

// A rollback has nowhere else to go: it waits until the cluster is well again.
std::optional<Decision> hold_unhealthy(Step& step) {
  const Finding* blocker = first_blocker(step.scene.world.findings);
  auto& since = step.notebook().unhealthy_since;
  if (blocker == nullptr) since.reset();
  if (blocker == nullptr) return std::nullopt;
  if (!since) since = step.scene.now;
  const std::chrono::seconds allowed(step.spec.safety.coverage_timeout_seconds);
  const bool canary = step.status().state == State::kCanary;
  if (step.scene.now - *since > (canary ? std::min(allowed, kCanaryPatience) : allowed)) {
    const bool idle = step.scene.running.empty();
    if (idle && !step.status().roll_back)
      return step.enter(State::kFailed, blocker->name, sentence_of(*blocker));
    if (!idle) return step.act(StopBatches{fact_of(*blocker)}, blocker->name, fact_of(*blocker));
  }
  return step.stay(blocker->name, fact_of(*blocker));
}

// Its server ends within seconds: what is under way stops at the next safe point, and nothing starts. When it
// comes back as another process, that is a restart.
std::optional<Decision> hold_for_leaving(Step& step) {
  const auto leaving = leaving_pod(*step.status().plan, step.scene.world);
  if (!leaving) return std::nullopt;
  const std::string what = sentence_of(*leaving);
  if (!step.scene.running.empty()) return step.act(StopBatches{what}, leaving->name, what);
  return step.stay(leaving->name, what);
}

bool pausing(const Step& step) {
  const auto& notebook = step.decision.notebook;
  const bool backing_off = notebook.next_try && step.scene.now < *notebook.next_try;
  const bool between = notebook.last_end && step.scene.now - *notebook.last_end <
                                                std::chrono::seconds(step.spec.batch.pause_seconds);
  return backing_off || between;
}

Decision nothing_starts(Step step, const std::optional<Refusal>& refusal) {
  if (!step.notebook().waiting_since) step.notebook().waiting_since = step.scene.now;
  const std::string why = refusal ? refusal->sentence : "nothing may start";
  const bool patient = refusal && waits_for_room(step, *refusal);
  if (patient || step.scene.now - *step.notebook().waiting_since < kPatience)
    return step.stay(kWaitsForMemory, why);
  return step.enter(State::kFailed, refusal ? refusal->rule : "NothingStarts",
                    why + "; what was moved so far stays and is safe");
}

}  // namespace

Decision move(Step step) {
  if (auto claiming = keep_claim(step)) return *std::move(claiming);
  adapt_speed(step);
  if (const auto incident = find_restart(step)) return halt(std::move(step), *incident);
  if (auto failed = settle_failures(step)) return *std::move(failed);
  if (auto holding = hold_for_leaving(step)) return *std::move(holding);
  if (auto closing = close_open(step)) return *std::move(closing);
  if (auto waiting = keep_to_windows(step)) return *std::move(waiting);
  if (auto holding = hold_for_latency(step)) return *std::move(holding);
  if (auto holding = hold_unhealthy(step)) return *std::move(holding);
  if (auto probing = take_baseline(step)) return *std::move(probing);
  if (pausing(step)) return step.stay("Pausing", "pausing between batches", Millis(200));
  const Plan plan = *step.status().plan;
  Starter starter(step, plan);
  starter.take_all();
  if (!starter.left && step.scene.running.empty()) {
    if (step.status().roll_back) return conclude_rollback(std::move(step));
    step.decision.requeue = Millis(0);
    return step.enter(State::kVerifying, "Verifying", "checking the result");
  }
  if (starter.running.empty() && starter.most <= 0) return watch_canary(std::move(step));
  if (starter.running.empty() && starter.refusal) {
    if (auto waiting = raise_further(step, *starter.refusal)) return *std::move(waiting);
  }
  if (starter.running.empty()) return nothing_starts(std::move(step), starter.refusal);
  step.notebook().waiting_since.reset();
  return step.stay("Moving", fmt::format("moving slots over {} pairs", starter.running.size()));
}

}  // namespace rebalance
