// Two servers in memory, with as much of Redis Cluster as the engines speak, and a driver that may break any
// round trip.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "migrate/engine.h"
#include "migrate/slot_commands.h"

namespace rebalance {

struct FakeNode {
  std::string id, run_id = "life-1", role = "master";
  SlotSet owned;
  std::map<Slot, std::string> migrating, importing;
  std::map<Slot, std::map<std::string, std::string>> keys;  // of a slot: name -> value
  std::map<std::string, std::int64_t> sizes;                // MEMORY USAGE, where it is not 100
  bool second_database = false;

  std::string nodes_line() const {
    std::string line = id + " 127.0.0.1:1@2 myself," + role + " - 0 0 1 connected";
    for (const auto& range : owned.ranges())
      line += " " + std::to_string(range.first) + "-" + std::to_string(range.last);
    for (const auto& [slot, peer] : migrating) line += " [" + std::to_string(slot) + "->-" + peer + "]";
    for (const auto& [slot, peer] : importing) line += " [" + std::to_string(slot) + "-<-" + peer + "]";
    return line + "\n";
  }
};

// The slot of a key is what stands before its first ':'.
inline Slot fake_slot(const std::string& key) { return static_cast<Slot>(std::stoi(key)); }

class FakePair {
 public:
  FakePair() {
    source.id = std::string(40, 'a');
    target.id = std::string(40, 'b');
  }

  FakeNode source, target;
  int gave_away_with_keys = 0;  // SETSLOT NODE on the target while the source still held keys
  std::map<std::string, int> ran;

  Reply run(Side side, const Command& command) {
    auto& node = side == Side::kSource ? source : target;
    const auto name =
        command[0] == "CLUSTER" ? command[1] == "SETSLOT" ? command[3] : command[1] : command[0];
    ++ran[name];
    if (queue_ && name != "EXEC") {
      queue_->push_back(reply(node, name, command));
      return Reply::status("QUEUED");
    }
    if (name == "MULTI") queue_.emplace();
    if (name == "EXEC") return Reply::array(*std::exchange(queue_, std::nullopt));
    return name == "MULTI" ? Reply::status("OK") : reply(node, name, command);
  }
  void disconnect() { queue_.reset(); }

  std::map<std::string, std::string> all_keys() const {
    std::map<std::string, std::string> all;
    for (const auto* node : {&target, &source}) {  // the source's word counts where both have one
      for (const auto& [slot, keys] : node->keys) {
        for (const auto& [key, value] : keys) all[key] = value;
      }
    }
    return all;
  }

 private:
  Reply reply(FakeNode& node, const std::string& name, const Command& command) {
    if (name == "NODES") return Reply::string(node.nodes_line());
    if (name == "INFO")
      return Reply::string(command[1] == "server" ? "run_id:" + node.run_id + "\r\n"
                           : node.second_database ? "db0:keys=1\r\ndb3:keys=7\r\n"
                                                  : "db0:keys=1\r\n");
    if (name == "ROLE") return Reply::array({Reply::string(node.role)});
    if (name == "ASKING") return Reply::status("OK");
    if (name == "EVAL") return Reply::number(1);
    if (name == "MEMORY")
      return find(node, command[2])
                 ? Reply::number(node.sizes.contains(command[2]) ? node.sizes[command[2]] : 100)
                 : Reply::nil();
    if (name == "DUMP") return find(node, command[1]) ? Reply::string(*find(node, command[1])) : Reply::nil();
    if (name == "MIGRATE") return migrate(command);
    const auto slot = static_cast<Slot>(std::stoi(command[2]));
    if (name == "COUNTKEYSINSLOT") return Reply::number(static_cast<std::int64_t>(node.keys[slot].size()));
    if (name == "GETKEYSINSLOT") return list(node, slot, std::stoul(command[3]));
    return setslot(node, slot, name, command);
  }

  static const std::string* find(FakeNode& node, const std::string& key) {
    auto& keys = node.keys[fake_slot(key)];
    const auto found = keys.find(key);
    return found == keys.end() ? nullptr : &found->second;
  }

  static Reply list(FakeNode& node, Slot slot, std::size_t limit) {
    std::vector<Reply> names;
    for (const auto& entry : node.keys[slot]) {
      if (names.size() < limit) names.push_back(Reply::string(entry.first));
    }
    return Reply::array(names);
  }

  Reply setslot(FakeNode& node, Slot slot, const std::string& state, const Command& command) {
    if (state == "STABLE") {
      node.migrating.erase(slot);
      node.importing.erase(slot);
    } else if (state == "IMPORTING") {
      if (node.owned.contains(slot))
        return Reply::error("ERR I'm already the owner of hash slot " + command[2]);
      node.importing[slot] = command[4];
    } else if (state == "MIGRATING") {
      if (!node.owned.contains(slot)) return Reply::error("ERR I'm not the owner of hash slot " + command[2]);
      node.migrating[slot] = command[4];
    } else if (command[4] == node.id) {
      gave_away_with_keys += source.keys[slot].empty() ? 0 : 1;
      node.owned.add(slot);
      node.importing.erase(slot);
    } else {
      if (node.owned.contains(slot) && !node.keys[slot].empty())
        return Reply::error(
            "ERR Can't assign hashslot to a different node while I still hold keys for this hash slot.");
      node.owned.remove(slot);
      node.migrating.erase(slot);
    }
    return Reply::status("OK");
  }

  Reply migrate(const Command& command) {
    const bool replace = std::ranges::find(command, "REPLACE") != command.end();
    bool any = false;
    std::string refused;
    for (auto key = std::ranges::find(command, "KEYS") + 1; key != command.end(); ++key) {
      auto &from = source.keys[fake_slot(*key)], &to = target.keys[fake_slot(*key)];
      if (!from.contains(*key)) continue;
      any = true;
      if (to.contains(*key) && !replace) {
        refused = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";
        continue;
      }
      to[*key] = from[*key];
      from.erase(*key);
    }
    if (!refused.empty()) return Reply::error(refused);
    return Reply::status(any ? "OK" : "NOKEY");
  }

  std::optional<std::vector<Reply>> queue_;
};

// What happens instead of the n-th round trip (from 0).
struct Fault {
  int at = -1;
  enum class Kind { kLostBefore, kLostAfter, kErrorReply } kind = Kind::kLostBefore;
  std::string text;  // of the first reply that is an error then; nothing of the pipeline ran
};

struct Drive {
  std::optional<Error> error;
  int round_trips = 0;
  std::vector<Ask> asks;
};

inline Drive drive(GroupEngine& engine, FakePair& pair, const Fault& fault = {},
                   const std::function<void(int, const Ask&)>& before = {}) {
  Drive drive;
  Result<std::optional<Ask>> next = engine.start();
  for (; next && *next && drive.round_trips < 5000; ++drive.round_trips) {
    const Ask ask = **next;
    drive.asks.push_back(ask);
    if (before) before(drive.round_trips, ask);
    const bool faulty = drive.round_trips == fault.at && ask.side != Side::kOthers;
    Answer answer;
    answer.elapsed = std::chrono::microseconds(500);
    if (!faulty || fault.kind == Fault::Kind::kLostAfter) {
      for (const auto& command : ask.commands) {
        if (ask.side != Side::kOthers) answer.replies.push_back(pair.run(ask.side, command));
      }
    }
    if (faulty && fault.kind == Fault::Kind::kErrorReply) {
      for (std::size_t i = 0; i < ask.commands.size(); ++i)
        answer.replies.push_back(Reply::error(fault.text));
    }
    if (faulty && fault.kind != Fault::Kind::kErrorReply) {
      pair.disconnect();
      next = engine.step(OutcomeUnknown{"time-out"});
    } else {
      next = engine.step(answer);
    }
  }
  if (!next) drive.error = next.error();
  return drive;
}

}  // namespace rebalance
