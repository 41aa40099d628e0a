// What `explain` says: the state with its reason, what would change it, and why each pod and slot gets what
// the plan gives it. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/spec.h"
#include "api/status.h"
#include "cli/table.h"
#include "codec/stored_objects.h"
#include "model/world.h"

namespace rebalance {

struct Explained {
  RebalanceStatus status;  // its state, reason and message; of files: what `run` would come to now
  bool foreseen = false;   // of files: nothing has begun
  Plan plan;               // where none can be made: its nodes alone
  World world;
  RebalanceSpec spec;
  std::vector<Finding> findings;  // what stands in the way
  std::vector<std::string> more;  // what was tried for the pod that is asked for
};

// The nodes of a plan that was not made: what is known of their memory.
std::vector<NodeForecast> unplanned(const World& world, const HeadroomSpec& room);

// From an object as the API server sends it, the same decoded, and the plan that its ConfigMap keeps, if it
// does. The world then holds names, memory and limits only. kInvalidInput: it cannot be read.
Result<Explained> explained_by(const nlohmann::json& object, const StoredRebalance& stored,
                               const std::optional<Plan>& kept);

struct Question {
  std::optional<int> slot;
  PodName pod;  // neither: all of it
};
// kInvalidInput: there is no such pod.
Result<std::string> explain_text(const Explained& facts, const Question& question,
                                 const Palette& palette = {});
// The same facts as one JSON document (docs/cli.md).
Result<std::string> explain_json(const Explained& facts, const Question& question);

// As `run` ends in that state (control/run.h); 0 while it goes on.
int explained_code(const RebalanceStatus& status);

}  // namespace rebalance
