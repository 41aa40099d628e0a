// What every engine is: a pure step function over one group of slots of one pair of nodes.
//
// The runner sends what a step asks for (one pipelined round trip to one side), feeds back the replies and asks again.
// An engine holds no connection, no clock and no thread, so the same code runs in production, under the fault
// tests and in the model checker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/plan.h"
#include "redis/reply.h"

namespace rebalance {

enum class Side { kSource, kTarget, kOthers };  // kOthers: every other primary, best effort

// Commands for one side in one pipeline. `ownership` asks the runner to hold the cluster-wide ownership lock from here
// until an ask without it: config epochs are bumped by one node at a time.
struct Ask {
  Side side = Side::kSource;
  std::vector<std::vector<std::string>> commands;
  Millis timeout{5000};  // for each reply
  bool ownership = false;
};

struct Answer { std::vector<Reply> replies; };            // one for each command
struct OutcomeUnknown { std::string why; };               // time-out or broken connection after sending: look again
struct StopAsked {};                                      // finish what must be finished, then end
using Event = std::variant<Answer, OutcomeUnknown, StopAsked>;

struct Progress {
  int slots_done = 0;
  std::int64_t keys_done = 0;
  Bytes bytes_done = 0;
};

class GroupEngine {
 public:
  virtual ~GroupEngine() = default;
  virtual Ask start() = 0;
  // nullopt: the group is done (or, after StopAsked, at a safe point: see left_open()). An error: stop here; open
  // slots are repairable, and the text says why with the server's words.
  virtual Result<std::optional<Ask>> step(const Event& event) = 0;
  virtual Progress progress() const = 0;
  virtual SlotSet left_open() const = 0;  // slots that are marked migrating or importing
};

}  // namespace rebalance
