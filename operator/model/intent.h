// Intent before effect: what an executor is about to do to a pair of nodes, kept where it outlives the
// process.
//
// An intent says that its slots were seen closed on both sides, and that the target held none of their keys,
// before this executor opened them in the life `source_run_id` of the source. Only that lets a later run
// overwrite a target's copy.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/plan.h"

namespace rebalance {

struct MoveIntent {
  Engine engine = Engine::kKeyByKey;
  NodeId source, target;
  std::string source_run_id, target_run_id;  // INFO server's run_id at that moment
  SlotSet slots;
  // Of live copy: the source may have handed some of them over. Before that the target holds nothing but
  // copies.
  bool begun = false;
  bool operator==(const MoveIntent&) const = default;
};

// Thread-safe: all pairs of a cluster share one.
class IntentLog {
 public:
  virtual ~IntentLog() = default;
  // Durable when it returns; an error means that nothing may be written to a server.
  virtual Status open(const MoveIntent& intent) = 0;
  // The hand-over of `slots`, which are open in that pair, begins; with those that were opened beside them.
  // Durable when it returns; an error means that nothing may be handed over.
  virtual Status begin(const NodeId& source, const NodeId& target, const SlotSet& slots) = 0;
  // `slots` of that pair are closed on all nodes. May become durable later: a forgotten close is harmless.
  virtual Status close(const NodeId& source, const NodeId& target, const SlotSet& slots) = 0;
  virtual std::vector<MoveIntent> intents() const = 0;  // those still open
};

}  // namespace rebalance
