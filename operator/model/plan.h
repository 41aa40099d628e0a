// What is to be moved, in which order, and what it will cost: the value that is shown, approved, hashed and
// executed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/cluster.h"

namespace rebalance {

enum class Engine { kKeyByKey, kLiveCopy, kAtomicRedis, kAtomicValkey };
const char* engine_name(Engine engine);  // "KeyByKey", ...
std::optional<Engine> engine_of_name(std::string_view name);
bool is_atomic(Engine engine);

// proto-max-bulk-len's default: a longer argument breaks the connection.
inline constexpr Bytes kLargestPayload = 512 * kMiB;

// Slots that go from one primary to another in one go; the unit of the memory gate.
struct Batch {
  int index = 0;  // position in the plan, from 0
  NodeId source;
  NodeId target;
  SlotSet slots;
  Bytes bytes = 0;  // estimate, as SlotSizes has it
  std::int64_t keys = 0;
  bool operator==(const Batch&) const = default;
};

struct PairEngine {
  NodeId source, target;
  Engine engine = Engine::kKeyByKey;
  std::string why;      // a sentence
  std::string lacking;  // what a better engine would need, empty if none is better
};

// What the plan does to one node's pod. Bytes of slots are SlotSizes' sums; peak is the highest after(pod) of
// all prefixes.
struct NodeForecast {
  NodeId id;
  PodName pod;
  Role role = Role::kPrimary;
  Bytes limit = 0, ceiling = 0, flood = 0;
  Bytes used = 0, base = 0;  // now
  Bytes fork_reserve = 0;    // for a save, AOF rewrite or full sync that may begin
  Bytes peak = 0;
  int peak_batch = -1;  // -1: before the first
  int slots_before = 0, slots_after = 0;
  Bytes bytes_before = 0, bytes_after = 0;
  std::int64_t keys_before = 0, keys_after = 0;
  Bytes used_after = 0,
        base_after = 0;  // when all batches are done; what a giver frees stays resident at first
  std::string why;       // what it gives or receives and why, as a sentence
};

// Slots for one pod: what a goal of type Move lists.
struct SlotsTo {
  SlotSet slots;
  PodName pod;
};

// A way out that was computed to be enough: make_plan with it applied gives a plan.
struct Remedy {
  std::string kind;           // RaiseLimit | AddShard | LowerMinFree | PartOfGoal | RaiseMaxmemory
  PodName pod;                // where it applies, if at one place
  std::vector<PodName> pods;  // RaiseLimit, RaiseMaxmemory: all of them get `value`
  std::int64_t value = 0;     // bytes, shards, percent or slots, by kind
  std::vector<SlotsTo> part;  // PartOfGoal: the goal Move that fits
  std::string sentence;
};

// Why nothing starts. `rule` names the wall: Ceiling, Flood, HighWatermark, Maxmemory, Eviction, NoLimit, ...
struct Refusal {
  std::string rule;
  PodName pod;
  Bytes short_bytes = 0;
  std::string sentence;
  std::vector<Remedy> remedies;
};

// A pod's memory limit that is raised in place for as long as slots move.
struct LimitRaise {
  PodName pod;
  Bytes from = 0, to = 0;
  std::string uid;    // of the pod whose limit was raised; empty in a plan
  std::string stays;  // why it will not be put back; empty: it will be
  bool operator==(const LimitRaise&) const = default;
};
const LimitRaise* find_raise(const std::vector<LimitRaise>& raises, const PodName& pod);  // nullptr: none

struct Plan {
  std::string hash;            // over moves, engines and limits; 16 hex digits
  std::vector<Batch> batches;  // in order; every prefix is safe
  std::vector<PairEngine> engines;
  std::vector<NodeForecast> nodes;  // sorted by pod; with the limits that are raised, where some are
  std::vector<LimitRaise> raises;   // before the first batch; empty: it fits the limits that are there
  int slots = 0;
  Bytes bytes = 0;
  double bytes_error_percent = 0;
  std::int64_t keys = 0;
  double skew_before = 0, skew_after = 0;  // max/mean over primaries of the goal's metric (weighted)
  std::optional<Refusal> refusal;          // then batches are empty
  std::vector<std::string> notes;  // what a person should know: skipped slots, fields that are ignored
  bool nothing_to_do() const { return !refusal && batches.empty(); }
  Engine engine_of(const Batch& batch) const;  // of its pair; KeyByKey where the plan names none
};

}  // namespace rebalance
