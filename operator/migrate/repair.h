// What to do with slots that are open, unowned, owned twice or held by a node that does not own them.
//
// plan_repair() is pure: it decides from what every node said and what the journal knows; it never guesses.
// Where the evidence does not tell, the step is a report with the reason. run_repair() executes over
// connections.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "migrate/runner.h"
#include "migrate/unstage.h"
#include "model/cluster.h"
#include "model/intent.h"

namespace rebalance {

// What one reachable node says of one slot.
struct SlotOnNode {
  NodeId id;
  Role role = Role::kPrimary;
  bool owns = false;  // by its own view
  NodeId owner;       // by its view; empty: nobody
  NodeId migrating_to, importing_from;
  std::int64_t keys = 0;  // COUNTKEYSINSLOT, of primaries
};

struct OddSlot {
  Slot slot = 0;
  std::vector<SlotOnNode> nodes;  // every reachable node
};

struct RepairStep {
  enum class Kind {
    kFinish,   // move what is left from `source` to `target`, then give ownership: the key-by-key engine from
               // where it stands
    kUnstage,  // `target` holds copies that live copy staged for slots that `source` owns: each goes whose
               // key the source has
    kClear,    // the same before any hand-over: all of them go
    kMerge,    // `source` does not own the slots but holds keys of them: they go to the owner `target`
    kNotify,   // `target` owns them and `source` holds none of their keys: SETSLOT NODE on `source`
    kStable,   // SETSLOT STABLE on `source`, whose mark leads nowhere
    kAssign,   // nobody owns them: SETSLOT NODE on `target`
    kReport,   // needs a person: `reason` says what was found and what to do
  };
  Kind kind = Kind::kReport;
  SlotSet slots;
  NodeId source, target;
  bool proven =
      false;  // of kFinish: the target's copies are ours (journal); of kUnstage: nothing was handed over
  std::string reason;  // a sentence: what was found
};

Copies copies_that_go(const RepairStep& step);  // of kUnstage and kClear

struct RepairPicture {
  std::vector<OddSlot> slots;
  std::map<NodeId, std::string> run_ids;  // of the reachable nodes
  std::map<NodeId, int> owned;            // slots of each reachable primary
  // Keys in slots that a primary neither owns nor imports and does not show (Redis >= 8.4): INFO keyspace has
  // more than COUNTKEYSINSLOT over its slots.
  std::map<NodeId, std::int64_t> hidden;
  std::map<NodeId, NodeId> replica_of;  // of nodes that are replicas now
  std::vector<MoveIntent> intents;
  // Goal Repair: every slot is treated. Otherwise only those of `intents`; all else is somebody's and is left
  // alone.
  bool everything = false;
  SlotSet replica_marks;  // marks of replicas go here whose primaries have none, whoever set them
  SlotSet
      live;  // keys or marks changed while we watched, and not by us: somebody else's migration is running
};

// Steps of the same kind, nodes and reason are one; in ascending order of their first slots. What follows
// from a step's effect is left to the next look: a slot may need a merge first and a finish then.
std::vector<RepairStep> plan_repair(const RepairPicture& picture);

struct RepairJob {
  std::vector<Member> nodes;  // all reachable ones, replicas too
  std::vector<MoveIntent> intents;
  bool everything = false;
  SlotSet replica_marks;
  Millis watch{2000};  // how long the counts of foreign open slots are watched before they are treated
  RunnerOptions options;
};

struct RepairResult {
  std::vector<RepairStep> steps;    // in the order done
  SlotSet repaired;                 // odd before, sound now
  std::vector<RepairStep> reports;  // what needs a person
  std::optional<Error> error;
};

RepairResult run_repair(const RepairJob& job, const Hooks& hooks, std::stop_token stop);

}  // namespace rebalance
