// Abstract Redis Cluster servers (7.0) with just what live copy's safety argument rests on. One command runs
// at a time; what was sent and has not run waits in its connection, and may run after the sender has gone.
//
// Sources, each rule as there: cluster.c (getNodeByQuery, SETSLOT), multi.c (WATCH, EXEC), tracking.c,
// expire.c and db.c (expireIfNeeded), replication.c (WAIT).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "migrate/engine.h"
#include "redis/key_slot.h"

namespace rebalance::model {

// Steps that can be taken away: the command is answered as if it had been done, or the answer says less.
enum class Removed {
  kNothing,
  kWatch,            // WATCH watches nothing
  kTracking,         // CLIENT TRACKING tracks nothing
  kDrain,            // PING on the subscriber delivers no invalidation
  kExpiredGo,        // what had expired before the WATCH is not deleted before the list
  kListUnderWatch,   // the list after the WATCH is the one of before the WATCH
  kListAndLastRead,  // that, and the last read of a key that is gone is the one before
  kCounts,           // the script compares no counts
  kChecks,           // the script compares no CRC
  kMarksTakenBack,   // the script leaves the tried marks when it deletes
  kEarlyReads,       // of a key in pieces only the read of the last one is tracked
  kAnew,             // what is on the target of a key in pieces stays when it is copied anew
  kElements,         // the target is not asked how much it holds of a key in pieces
  kOrder,            // of two copies of a key the older one arrives last
  kTargetCounts,     // the target is not asked how many copies it has
  kTargetReplicas,   // WAIT on the target waits for nobody
  kSourceReplicas,   // WAIT on the source waits for nobody
  kFenceOnSource,    // CLIENT KILL on the source ends nothing
  kFenceOnTarget,    // the same on the target
  kFenceOfTakeover,  // who takes over ends nobody's connections
  kFreshLook,        // the look after a lost answer is the one of before it
  kLossIsTold,       // a lost connection is opened anew, and the engine hears nothing of it
  kOwnTarget,        // SETSLOT NODE on the target is left out
  kBeginning,        // the journal is not told that the hand-over begins
  kAloneIsKept,      // recovery asks the owner for no key before it deletes a copy
};

struct Value {
  std::string text;
  std::int64_t expires_at = 0;  // 0: never
  bool operator==(const Value&) const = default;
};
using Keys = std::map<std::string, Value>;

struct Connection {
  int id = 0;
  NodeId node;
  bool alive = true;  // at the server
  bool ours = true;   // the driver that runs now reads its answers
  std::deque<Command> inbox;
  std::vector<Reply> replies;
  std::vector<Reply> mail, told;  // invalidations that were written; those before the last PING's answer
  std::map<std::string, bool> watched;  // whether it had expired when it was watched
  bool dirty = false, asking = false, subscribed = false;
  std::optional<std::vector<Command>> queue;  // after MULTI
  int redirect = 0;                           // of tracking; 0: it tracks nothing
};

struct Server {
  NodeId id;
  Keys keys;
  std::map<Slot, NodeId> owner;  // as it believes
  std::map<Slot, NodeId> migrating, importing;
  std::map<std::string, std::set<int>> tracked;
  bool replicated = false;                                         // it has a replica
  Keys replica;                                                    // what that one has
  std::deque<std::map<std::string, std::optional<Value>>> unsent;  // what it has not yet, by commands
};

class Servers {
 public:
  Servers();
  // Runs the next command of a connection.
  void run(Connection& connection);
  Connection& open(const NodeId& node);
  Server& at(const NodeId& id) { return nodes_.at(id); }
  const Server& at(const NodeId& id) const { return nodes_.at(id); }
  bool live(const NodeId& id) const { return nodes_.contains(id); }
  std::map<NodeId, Server>& nodes() { return nodes_; }
  const std::map<NodeId, Server>& nodes() const { return nodes_; }
  std::map<int, Connection>& connections() { return connections_; }
  const std::map<int, Connection>& connections() const { return connections_; }

  // Which server gives the answer for a key to a client that starts at `from`; nullptr: none does.
  Server* serving(const NodeId& from, const std::string& key);
  std::optional<Value> seen(const NodeId& from, const std::string& key, bool& served);
  bool expired(const Value& value) const { return value.expires_at != 0 && value.expires_at <= now; }
  const Value* find(const Server& server, const std::string& key) const;  // nullptr: gone, or expired
  std::int64_t count(const Server& server, Slot slot) const;              // expired ones too, as the server
  bool owns(const Server& server, Slot slot) const;

  void put(Server& server, const std::string& key, std::optional<Value> value);  // and tells who watches
  void put_silently(Server& server, const std::string& key, const Value& value);
  void flush(Server& server);
  void replicate(Server& server);
  // Its replica, which has got the first `got` commands of what was on its way, takes its place as `heir`.
  void fail_over(const NodeId& id, const NodeId& heir, std::size_t got, bool unheard);
  static std::string dump(const Value& value);
  // All that decides what may happen next.
  std::string text() const;

  std::int64_t now = 0;
  Removed removed = Removed::kNothing;
  std::int64_t now_in_script = 0;  // 0: as the EXEC that it is in; 6.2 looks at the clock again
  bool replicas_answer = true;     // WAIT comes to its end by an acknowledgement

 private:
  Reply reply(Server& server, Connection& by, const Command& command);
  Reply run_one(Server& server, Connection& by, const Command& command);
  Reply exec(Server& server, Connection& by);
  Reply hand_over(Server& server, const Command& command);
  Reply cluster(Server& server, const Command& command);
  Reply setslot(Server& server, Slot slot, const Command& command);
  Reply client(Server& server, Connection& by, const Command& command);
  Reply on_key(Server& server, Connection& by, const Command& command);
  Reply read(const Server& server, const Command& command, const Value* value) const;
  Reply add(Server& server, const Command& command);
  Reply migrate(Server& server, const Command& command);
  std::string refusal(const Server& server, const std::string& key, bool asking) const;
  void touch(Server& server, const std::string& key, bool gone);
  Reply names(const Server& server, Slot slot, std::size_t most) const;
  Reply wait(Server& server);

  std::map<NodeId, Server> nodes_;
  std::map<int, Connection> connections_;
  std::map<NodeId, std::map<std::string, std::optional<Value>>> batch_;
  int last_id_ = 0;
};

}  // namespace rebalance::model
