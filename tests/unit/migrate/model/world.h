// One run of the real engines over the abstract servers, with clients that write and faults that come between
// any two commands, as a schedule says; and what must hold at every instant and in the end.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "migrate/pace.h"
#include "migrate/repair.h"
#include "servers.h"

namespace rebalance::model {

// Something that comes between two commands.
enum class What {
  kGoOn,  // the next command of the driver
  // Clients'; of a key by its number
  kSet,
  kDelete,
  kSwap,    // deletes one and creates another, in one transaction
  kExpire,  // sets when it expires
  kSilent,  // a consumer group moves on
  kFlush,   // FLUSHALL on the source
  // The servers' own
  kTickInExec,  // the same, after EXEC has looked at what is watched
  kTick,        // the time comes at which keys expire
  kReap,        // a node deletes one that has expired
  kEvict,       // the target loses a copy, before it has said how many it has
  // Faults; of a connection by its id
  kCut,     // the driver loses it: what it sent may run later
  kKill,    // the server ends it
  kStop,    // a person asks for it
  kCrash,   // of the driver
  kFail,    // a node's replica takes its place, with that many of the commands on their way
  kGossip,  // the source hears of a new owner before it is told
  kDeaf,    // WAIT ends without an acknowledgement
  // Free
  kFirst,  // another connection of the same round trip goes first
  kLate,   // what a lost connection had sent runs now
};
struct Action {
  What what = What::kGoOn;
  std::string node;  // "A" or "B", where it says so
  int number = 0;    // of a key, a connection, a slot, or commands
  int other = 0;     // another key; of kFail: 1: the replica has not heard of slots that were taken just now
  bool operator==(const Action&) const = default;
  std::string text() const;
};

// What may happen, and how often at most.
struct Scenario {
  std::string name;
  std::vector<Action> writes;
  std::vector<What> faults;
  int most_writes = 0, most_faults = 0;
  bool two_slots = false, replicas = false;
  bool late_evictions = false;   // the target loses copies also after it has said how many it has
  bool other_order = false;      // the connections of one round trip also in another order
  bool early_failovers = false;  // nodes fail over only before the hand-over begins
  bool large = false;            // with key 0, a set that goes in two pieces
};

struct Pruned {};   // the explorer knows this state
struct Crashed {};  // of the driver, or its end because a node is not what it was
struct Broken {     // an invariant, and how
  std::string invariant, how;
};

// Says at each point which of the actions comes next: 0 is the driver's next command.
using Choose = std::function<std::size_t(const std::vector<Action>& actions)>;

// Nothing that anybody else does can come before rather than after its next command.
bool is_private(const Connection& connection);

class World {
 public:
  World(const Scenario& scenario, Removed removed, Choose choose);
  // Ends where nothing more is to happen. Throws Pruned as `choose` does, and Broken.
  void run();
  std::string state() const;     // equal texts: the same may follow
  std::string position() const;  // what the driver does next
  bool replays = false;          // another run came this way: nothing is checked

 private:
  bool crashes(const std::function<void()>& driver);
  // The driver, by PairDriver's rules.
  void move();
  Result<SlotSet> drive(GroupEngine& engine, const NodeId& source, const NodeId& target);
  Event perform(const Ask& ask);
  void send(const Part& part);
  Answer answer();
  void run_next(int connection);
  int link(Side side, Channel channel);
  void close_links(bool all);
  const NodeId& node(Side side) const { return side == Side::kSource ? source_ : target_; }
  // What a step's removal answers instead.
  std::optional<Reply> instead_of(const Connection& connection, const Command& command);
  Reply answer_now(const NodeId& node, const Command& command);
  std::optional<Reply> stale(const Connection& connection, const Command& command);
  void restore_twice(Connection& connection, const Command& command);

  // Who takes over, by RepairRun's rules.
  void recover();
  void fence();
  Status repair();
  RepairPicture look();
  bool odd(Slot slot);
  Status execute(const RepairStep& step);
  Status finish(const RepairStep& step);
  Status tell(const NodeId& node, std::vector<Command> commands);

  // What else happens.
  void point();
  std::vector<Action> actions();
  bool possible(const Action& write);
  void add_faults(std::vector<Action>& actions) const;
  void act(const Action& action);
  void write(const Action& action);
  void run_unit(int connection);
  void let_go(int connection, bool at_server);
  void fail_over(const NodeId& id, std::size_t got, bool unheard);
  void gossip(Slot slot);
  void undo(const std::string& name, const Value& value);
  std::optional<Slot> twice_owned() const;
  bool untouched() const { return intent_ && !intent_->begun; }  // nothing was handed over
  // Where clients start.
  NodeId first() const { return servers_.live("A") ? NodeId("A") : heirs_.at("A"); }

  // What must hold.
  void check_served();
  void check_clients();
  void check_owners();
  void check_closed();
  void check_untouched(const SlotSet& slots);
  void check_recovered();
  Keys only_on_others() const;
  std::optional<Value> truth(const std::string& key) const;

  const Scenario& scenario_;
  Removed removed_;
  Choose choose_;
  Servers servers_;
  SlotSet slots_;
  std::vector<std::string> names_;  // of all keys that there ever are
  Keys truth_;                      // what clients were told
  Pace pace_;
  std::optional<MoveIntent> intent_;
  std::map<NodeId, NodeId> heirs_;

  NodeId source_ = "A", target_ = "B";
  std::map<std::pair<Side, Channel>, int> links_;
  std::vector<int> asked_;  // connections of the round trip that is under way
  bool lost_ = false, ever_lost_ = false, stop_ = false, told_to_stop_ = false, running_ = false;
  bool target_asked_ = false;  // whether it is ready, and nothing was written to it since
  bool recovering_ = false, failed_over_ = false, unfenced_ = false, acknowledged_ = false;
  Keys alone_;                                       // what only the target had when recovery began
  std::map<NodeId, std::set<std::string>> written_;  // by clients
  std::set<std::string> undecided_;   // keys of which failovers lost a write: either value is Redis' own
  Keys kept_;                         // what a failover undid, and another node has
  std::vector<std::string> reports_;  // of recovery
  int writes_ = 0, faults_ = 0;
  std::size_t history_ = 0;  // of all that engines were told, and of the points that were passed: it tells
                             // where the driver stands
  std::map<std::string, Command> restored_;  // for Removed::kOrder
  std::map<std::string, Reply> stale_;       // for what answers from the past, by question
};

}  // namespace rebalance::model
