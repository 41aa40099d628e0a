// How a batch is cut into groups. Pure.
#pragma once

#include <string>
#include <vector>

#include "migrate/runner.h"

namespace rebalance {

// Slots that are opened and closed together, and what the journal says of them.
struct Group {
  Engine engine = Engine::kKeyByKey;
  SlotSet slots;
  bool adopted = false;  // of an earlier intent, which stays in the log until they are closed
  bool proven = false;
  bool staged = false;  // by live copy, which may have been interrupted
};

// What an earlier run left open first; the rest in pieces of bounded slots and bytes.
std::vector<Group> groups_of(const BatchJob& job, const std::string& source_run_id);
std::vector<Group> pieces_of(const BatchJob& job, Engine engine, const SlotSet& slots);

}  // namespace rebalance
