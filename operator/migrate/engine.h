// What every engine is: a pure step function over one group of slots of one pair of nodes.
//
// The runner sends what a step asks for (one pipelined round trip to one side), feeds back the replies and
// asks again. An engine holds no connection, no clock and no thread, so the same code runs in production,
// under the fault tests and in the model checker.
#pragma once

#include <chrono>
#include <cstdint>
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

enum class Side {
  kSource,
  kTarget,
  kOthers
};  // kOthers: every other primary, best effort, no replies come back

// Of the connections to a side. Those besides kData are opened when they are first used; all of them end when
// one is lost, and when an engine begins.
enum class Channel {
  kData,
  kWatch,    // of what is under WATCH
  kMessages  // a subscriber: what it is told comes with its answers
};

using Command = std::vector<std::string>;  // RESP arguments; any byte

// What goes to one connection in one pipeline.
struct Part {
  Side side = Side::kSource;  // not kOthers
  Channel channel = Channel::kData;
  std::vector<Command> commands;
};

// Commands for one side in one pipeline.
struct Ask {
  Side side = Side::kSource;
  std::vector<Command> commands;
  Millis timeout{5000};     // for each reply
  Millis wait{0};           // back-off: pause this long before sending
  bool writes = false;      // changes something: the gate is asked first
  bool clears = false;      // takes back what this move has put there, which only makes room
  bool ownership = false;   // hold the cluster's ownership lock from here until an ask without it: config
                            // epochs are bumped by one node at a time
  bool hands_over = false;  // what follows may: of a pair's groups one at a time, from here to its end
  SlotSet begins;           // their hand-over: the journal is told before this is sent
  Channel channel = Channel::kData;
  std::vector<Part> beside;  // to other connections at the same time; lost as one
};

struct Answer {
  std::vector<Reply> replies;              // one for each command
  std::chrono::microseconds elapsed{0};    // from sending to the last reply
  std::vector<std::vector<Reply>> beside;  // of each part
  std::vector<Reply> messages;             // what kMessages was told until its replies came
};
// Time-out or broken connection after sending: look again. The runner has connected again and found the same
// node in the same life (id and run_id); a node that restarted ends the batch instead.
struct OutcomeUnknown {
  std::string why;
};
// Finish what must be finished, then end. Comes instead of an answer: what the last step asked for was not
// sent.
struct StopAsked {};
using Event = std::variant<Answer, OutcomeUnknown, StopAsked>;

struct Progress {
  int slots_done = 0;
  std::int64_t keys_done = 0;
  Bytes bytes_done = 0;  // MEMORY USAGE of the keys before they moved
  int retries = 0;
};

// A slot that stays where it is, closed on both sides.
struct SkippedSlot {
  Slot slot = 0;
  std::string reason;  // a sentence, without key names
  Bytes no_room = 0;   // a key of that size is bigger than the batch's room for one; 0: another reason
};

class GroupEngine {
 public:
  virtual ~GroupEngine() = default;
  virtual Ask start() = 0;
  // nullopt: the group is done (or, after StopAsked, at a safe point: see left_open()). An error: stop here;
  // open slots are repairable, and the text says why with the server's words.
  virtual Result<std::optional<Ask>> step(const Event& event) = 0;
  virtual Progress progress() const = 0;
  virtual SlotSet done() const = 0;       // owned by the target
  virtual SlotSet left_open() const = 0;  // slots that may be marked migrating or importing
  virtual std::vector<SkippedSlot> skipped() const = 0;
  virtual SlotSet unfit() const { return {}; }  // closed, and left to the engine that can move every slot
};

}  // namespace rebalance
