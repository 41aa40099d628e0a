// The reconcile core: from what is asked, what was recorded and what is seen now to the next record and the
// next actions. Pure: no I/O, no sleeping, no clock but the one in the scene. Whatever drives it (files or an
// API server) calls it after every event and at the latest after `requeue`.
//
// Level-based: what is done is read from who owns which slot, never from a list of finished steps, so a
// restart in the middle needs nothing but the record (plan and approval) and the journal (slots that may be
// open).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/spec.h"
#include "api/status.h"
#include "base/clock.h"
#include "model/initial_layout.h"
#include "model/world.h"
#include "plan/headroom.h"
#include "reconcile/windows.h"

namespace rebalance {

// How a batch ended, told once.
struct BatchEnd {
  Batch batch;
  SlotSet left_open;                    // marked migrating or importing still; in the journal
  std::map<Slot, std::string> skipped;  // closed again and left with the source, and why
  std::optional<Error> error;           // with the server's words
  Bytes grown = 0;                      // used_memory of the target, after minus before
  bool measured = false;                // grown is this batch's alone
  std::map<Slot, Bytes> no_room;  // of those skipped: with a key of this size, over the batch's key_room
};

// What our own probes (PING) of a pod that is touched said.
struct ProbeReading {
  PodName pod;
  double p99_millis = 0;              // of those of the last seconds that were answered; 0: none yet
  std::int64_t sent = 0, failed = 0;  // since execution began
};

struct Scene {
  World world;
  SlotSet open_slots;     // marked migrating or importing on any node
  SlotSet journal_slots;  // of those, the ones that the journal knows as this resource's own
  bool claim_held = false;
  std::string claim_lost;     // why the claim that was held is no more; empty: it stands
  std::string claimed_by;     // somebody else's live claim: who and since when; empty: nobody's
  std::string claim_problem;  // why it could not be asked for; empty: it could
  // Who owned what before the first slot moved, or why that cannot be read; nothing: no slot moved yet.
  std::optional<Result<InitialLayout>> initial;
  std::vector<Batch> running;
  std::vector<BatchEnd> ended;       // since the last decision
  std::vector<ProbeReading> probes;  // empty: nothing is watched
  std::vector<LimitRaise> raised;    // limits that were raised in place and are not put back yet
  std::optional<Error> raise_error;  // of the last RaiseLimits
  // Slots with a key over the threshold and what it is, once looked for.
  std::optional<Result<std::map<Slot, std::string>>> big_keys;
  std::optional<Error> repair_error;  // of the last RepairOpen
  bool repaired = false;              // a RepairOpen ended since the last decision
  bool stop_asked = false;
  bool close_asked = false;            // the resource is going away: finish what is open, start nothing
  bool observe_asked = false;          // stay in Observing for spec.observeSeconds
  bool cold_deletion_allowed = false;  // by the installation
  Instant now;
  std::chrono::sys_seconds wall;  // now by the clock on the wall, for windows
  std::string wall_time;          // the same as RFC 3339, for people
  TimeZones zones;                // those of spec.windows that are known here
};

struct TakeClaim {};
struct StartBatch {
  Batch batch;
  Bytes key_room = 0;  // the biggest key that may travel in it
};
struct StopBatches {
  std::string why;
};  // at the next safe point
struct RepairOpen {
  bool whole_cluster = false;
  SlotSet replica_marks;  // of these, replicas' marks that their primaries have not
};
struct FindBigKeys {};  // in the slots of the plan
struct SetSpeed {
  int percent = 100;  // of the time that engines may use
};
struct RaiseLimits {
  std::vector<LimitRaise> raises;
};  // recorded first; asking again changes nothing
struct PutBackLimits {};  // those that may go back by now (limits.h)
using Action = std::variant<TakeClaim, StartBatch, StopBatches, RepairOpen, FindBigKeys, SetSpeed,
                            RaiseLimits, PutBackLimits>;

// The first slots of a plan, which are watched before the rest goes.
struct CanaryNotes {
  bool passed = false;
  std::optional<Instant> watched_since;  // all of them have moved
  Bytes expected = 0, grown = 0;         // of the targets, by the estimate and as measured
};

// What one server was like at one moment.
struct NodeFigures {
  std::string run_id;
  bool in_sync = true;
  Bytes lag = 0, base = 0;
  std::int64_t evicted_keys = 0, rejected_connections = 0;  // since the server started
  std::int64_t uptime_seconds = 0;
};

// What all of them were like, to compare another moment with.
struct Figures {
  Instant when;
  std::map<PodName, NodeFigures> nodes;
  std::vector<ProbeReading> probes;
  bool resumed = false;  // slots had moved by then
};

// What one server said of its clients at one moment.
struct NodeLoad {
  std::string run_id;
  std::int64_t uptime_seconds = 0;
  LoadReading load;
  std::int64_t evicted_keys = 0, rejected_connections = 0;
};

// How fast slots move, by what clients feel.
struct SpeedNotes {
  int calm = 100;  // percent that the latencies and the servers' own words allow
  std::optional<Instant> changed;
  std::optional<Instant> since;              // when `loads` were so
  std::map<PodName, NodeLoad> loads, first;  // to compare with, and what is usual
  std::optional<std::string> strain;         // what the last comparison found
  std::optional<Instant> far_since;          // far above what is allowed
  bool held = false;                         // all stopped for it, until it is calm
};

// The room for keys that a batch in flight was given.
struct KeyRoom {
  Bytes bytes = 0;
  bool all = false;  // nothing else runs meanwhile: there is no more to be had
};

// What decide keeps from call to call beside the status; lost with the process without harm.
struct Notebook {
  Factors factors;
  std::map<Slot, std::string> skipped;
  std::map<int, KeyRoom> key_rooms;        // of the batches in flight, by index
  std::map<Slot, Bytes> deferred;          // with a key that had no room beside others: for when nothing runs
  std::map<PodName, std::string> run_ids;  // of the servers when execution began
  std::map<std::pair<NodeId, NodeId>, int> failed;  // batches of each pair: source, target
  std::optional<Instant> next_try;                  // after a failure
  std::optional<Instant> waiting_since;             // nothing may start since
  std::optional<Instant> unhealthy_since;           // something stands in the way of moving since
  std::optional<Instant> last_end;                  // of a batch, for pauseSeconds
  std::optional<Instant> observing_since;
  std::optional<Instant> infeasible_since;  // the kubelet says that a raise is
  std::optional<Figures> baseline;          // from before the first slot moved
  std::optional<Figures> last_look;         // of those while it is observed
  CanaryNotes canary;
  SpeedNotes speed;
  int failures_before = 0;  // of the way there, which a rollback does not answer for
  int shrink = 0;           // batches are cut to 1/2^shrink of their bytes after a bad prediction
};

struct Decision {
  RebalanceStatus status;
  Notebook notebook;
  std::vector<Action> actions;
  Millis requeue{1000};
};

// The reason while memory is waited for: whoever looks then measures the sizes of slots anew.
inline constexpr const char* kWaitsForMemory = "WaitingForMemory";
// The reason outside spec.windows.
inline constexpr const char* kWaitsForWindow = "Window";

bool is_final(State state);
// Nothing happens in this state until the spec changes: an end, or a question to a person.
bool rests(State state);

Decision decide(const RedisRebalance& resource, const RebalanceStatus& status, const Notebook& notebook,
                const Scene& scene);

// What of a batch is still to be moved: its slots that the source owns.
SlotSet remaining(const Batch& batch, const World& world);

}  // namespace rebalance
