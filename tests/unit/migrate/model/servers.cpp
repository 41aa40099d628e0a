#include "servers.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <sstream>
#include <utility>

namespace rebalance::model {
namespace {

Reply ok() { return Reply::status("OK"); }

bool has_key(const std::string& name) {
  static const std::set<std::string> names{"DUMP",   "EXISTS", "PEXPIRETIME",   "PTTL", "MEMORY",
                                           "TYPE",   "SSCAN",  "SCARD",         "SADD", "PEXPIREAT",
                                           "UNLINK", "DEL",    "RESTORE-ASKING"};
  return names.contains(name);
}

// A set that goes in two pieces: "large", and an element after each space.
bool is_large(const Value& value) { return value.text.starts_with("large"); }

std::vector<std::string> elements(const Value& value) {
  std::istringstream words(value.text);
  std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
  all.erase(all.begin());
  return all;
}

}  // namespace

Servers::Servers() {
  for (const auto* id : {"A", "B"}) nodes_[id].id = id;
}

Connection& Servers::open(const NodeId& node) {
  auto& connection = connections_[++last_id_];
  connection.id = last_id_;
  connection.node = node;
  return connection;
}

const Value* Servers::find(const Server& server, const std::string& key) const {
  const auto found = server.keys.find(key);
  return found == server.keys.end() || expired(found->second) ? nullptr : &found->second;
}

std::int64_t Servers::count(const Server& server, Slot slot) const {
  return std::ranges::count_if(server.keys, [&](const auto& key) { return key_slot(key.first) == slot; });
}

bool Servers::owns(const Server& server, Slot slot) const {
  const auto found = server.owner.find(slot);
  return found != server.owner.end() && found->second == server.id;
}

// ---- changes, and who is told of them ----

void Servers::put(Server& server, const std::string& key, std::optional<Value> value) {
  const bool gone = !value;
  if (gone && !server.keys.contains(key)) return;
  if (server.replicated) batch_[server.id][key] = value;
  if (gone) {
    server.keys.erase(key);
  } else {
    server.keys[key] = *std::move(value);
  }
  touch(server, key, gone);
}

// A consumer group that moves on: neither WATCH nor tracking hears of it.
void Servers::put_silently(Server& server, const std::string& key, const Value& value) {
  if (server.replicated) server.unsent.push_back({{key, value}});
  server.keys[key] = value;
}

// One that had expired when it was watched may go without a word (multi.c, from 7.0 on).
void Servers::touch(Server& server, const std::string& key, bool gone) {
  for (auto& [id, connection] : connections_) {
    const auto watched = connection.watched.find(key);
    if (connection.node != server.id || watched == connection.watched.end()) continue;
    if (!(watched->second && gone)) connection.dirty = true;
  }
  for (const int id : std::exchange(server.tracked[key], {})) {
    const auto to = connections_.find(connections_[id].redirect);
    if (to == connections_.end() || !to->second.alive || !to->second.subscribed) continue;
    to->second.mail.push_back(
        Reply::array({Reply::string("message"), Reply::string("c"), Reply::array({Reply::string(key)})}));
  }
  server.tracked.erase(key);
}

void Servers::flush(Server& server) {
  for (auto& [id, connection] : connections_) {
    if (connection.node != server.id) continue;
    for (const auto& [key, was_expired] : connection.watched)
      connection.dirty = connection.dirty || server.keys.contains(key);
    const auto to = connections_.find(connection.redirect);
    if (to != connections_.end() && to->second.alive && to->second.subscribed)
      to->second.mail.push_back(Reply::array({Reply::string("message"), Reply::string("c"), Reply::nil()}));
  }
  for (const auto& [key, value] : server.keys) batch_[server.id][key] = std::nullopt;
  server.keys.clear();
  server.tracked.clear();
  replicate(server);
}

// What one command changed goes to the replica as one.
void Servers::replicate(Server& server) {
  auto batch = std::exchange(batch_[server.id], {});
  if (server.replicated && !batch.empty()) server.unsent.push_back(std::move(batch));
}

// Voters know who took slots, so that an heir of the one that gave them does not get them back; the heir of
// the one that took them may not have heard of it.
void Servers::fail_over(const NodeId& id, const NodeId& heir, std::size_t got, bool unheard) {
  auto old = std::move(nodes_.extract(id).mapped());
  auto& fresh = nodes_[heir];
  fresh.id = heir;
  fresh.keys = std::move(old.replica);
  for (std::size_t i = 0; i < got; ++i) {
    for (auto& [key, value] : old.unsent[i]) {
      fresh.keys.erase(key);
      if (value) fresh.keys[key] = *value;
    }
  }
  for (const auto& [slot, owner] : old.owner) fresh.owner[slot] = unheard ? "A" : owner;
  for (auto& [other, server] : nodes_) {
    for (auto& [slot, owner] : server.owner) owner = owner == id ? heir : owner;
    for (const auto& [slot, owner] : server.owner) {
      if (owner == other && other != heir) fresh.owner[slot] = other;
    }
  }
  for (auto& [number, connection] : connections_) {
    if (connection.node == id) connection.alive = false;
  }
}

Reply Servers::wait(Server& server) {
  if (!server.replicated || !replicas_answer) return Reply::number(0);
  replicate(server);
  for (auto& batch : std::exchange(server.unsent, {})) {
    for (auto& [key, value] : batch) {
      server.replica.erase(key);
      if (value) server.replica[key] = *value;
    }
  }
  return Reply::number(1);
}

// ---- where a client ends up ----

Server* Servers::serving(const NodeId& from, const std::string& key) {
  const auto slot = key_slot(key);
  auto* server = &at(from);
  for (int hop = 0; hop < 3; ++hop) {
    if (owns(*server, slot)) {
      const auto mark = server->migrating.find(slot);
      if (mark == server->migrating.end() || find(*server, key) != nullptr) return server;
      if (!live(mark->second)) return nullptr;
      auto& there = at(mark->second);
      return owns(there, slot) || there.importing.contains(slot) ? &there : nullptr;
    }
    const auto next = server->owner.find(slot);
    if (next == server->owner.end() || !live(next->second)) return nullptr;
    server = &at(next->second);
  }
  return nullptr;
}

std::optional<Value> Servers::seen(const NodeId& from, const std::string& key, bool& served) {
  const auto* server = serving(from, key);
  served = server != nullptr;
  const auto* value = served ? find(*server, key) : nullptr;
  return value == nullptr ? std::nullopt : std::optional(*value);
}

// ---- commands ----

void Servers::run(Connection& connection) {
  auto& server = at(connection.node);
  const Command command = std::move(connection.inbox.front());
  connection.inbox.pop_front();
  connection.replies.push_back(reply(server, connection, command));
  replicate(server);
}

Reply Servers::reply(Server& server, Connection& by, const Command& command) {
  const auto& name = command[0];
  if (by.queue && name != "EXEC") {
    by.queue->push_back(command);
    return Reply::status("QUEUED");
  }
  if (name == "EXEC") return exec(server, by);
  auto answer = run_one(server, by, command);
  by.asking = name == "ASKING";
  return answer;
}

Reply Servers::run_one(Server& server, Connection& by, const Command& command) {
  const auto& name = command[0];
  if (name == "CLUSTER") return cluster(server, command);
  if (name == "CLIENT") return client(server, by, command);
  if (name == "MULTI") by.queue.emplace();
  if (name == "SUBSCRIBE") by.subscribed = true;
  if (name == "UNWATCH") {
    by.watched.clear();
    by.dirty = false;
  }
  if (name == "PING") std::ranges::move(std::exchange(by.mail, {}), std::back_inserter(by.told));
  if (name == "WAIT") return wait(server);
  if (name == "TIME") return Reply::array({Reply::string("0"), Reply::string("0")});
  if (name == "ROLE") return Reply::array({Reply::string("master")});
  if (name == "INFO") return Reply::string(command[1] == "server" ? "run_id:" + server.id + "\r\n" : "");
  if (name == "EVAL")
    return command.size() > 3 && command[2] == "0" ? hand_over(server, command) : Reply::number(1);
  if (name == "MIGRATE") return migrate(server, command);
  if (name == "WATCH") {
    for (auto key = command.begin() + 1; key != command.end(); ++key) {
      if (const auto no = refusal(server, *key, by.asking); !no.empty()) return Reply::error(no);
    }
    for (auto key = command.begin() + 1; key != command.end(); ++key)
      by.watched.emplace(*key, server.keys.contains(*key) && expired(server.keys[*key]));
    return ok();
  }
  return has_key(name) ? on_key(server, by, command) : ok();
}

// getNodeByQuery, for one key.
std::string Servers::refusal(const Server& server, const std::string& key, bool asking) const {
  const auto slot = key_slot(key);
  if (!owns(server, slot))
    return server.importing.contains(slot) && asking ? "" : "MOVED " + std::to_string(slot) + " elsewhere";
  const bool away = server.migrating.contains(slot) && find(server, key) == nullptr;
  return away ? "ASK " + std::to_string(slot) + " elsewhere" : "";
}

Reply Servers::on_key(Server& server, Connection& by, const Command& command) {
  if (command[0] == "EXISTS" && command.size() > 2) {
    std::int64_t there = 0;
    for (auto key = command.begin() + 1; key != command.end(); ++key)
      there += on_key(server, by, {command[0], *key}).integer;
    return Reply::number(there);
  }
  const auto& name = command[0];
  const auto& key = command[name == "MEMORY" ? 2 : 1];
  const bool restore = name == "RESTORE-ASKING";
  if (const auto no = refusal(server, key, by.asking || restore); !no.empty()) return Reply::error(no);
  if (restore) {
    const Value value{command[3].substr(1, command[3].size() - 11), std::stoll(command[2])};
    put(server, key, expired(value) ? std::nullopt : std::optional(value));
    return ok();
  }
  const auto held = server.keys.find(key);
  if (name != "MEMORY" && held != server.keys.end() && expired(held->second)) put(server, key, std::nullopt);
  const auto* value = find(server, key);
  if (name == "UNLINK" || name == "DEL") {
    const auto answer = Reply::number(value == nullptr ? 0 : 1);
    put(server, key, std::nullopt);
    return answer;
  }
  if (name == "SADD" || name == "PEXPIREAT") return add(server, command);
  const bool early = value != nullptr && is_large(*value) && !(name == "SSCAN" && command[2] == "1");
  if (by.redirect != 0 && !(removed == Removed::kEarlyReads && early)) server.tracked[key].insert(by.id);
  return read(server, command, value);
}

Reply Servers::read(const Server& server, const Command& command, const Value* value) const {
  const auto& name = command[0];
  const bool large = value != nullptr && is_large(*value);
  if (name == "MEMORY")
    return server.keys.contains(command[2]) ? Reply::number(large ? 1'000'000 : 100) : Reply::nil();
  if (name == "EXISTS") return Reply::number(value == nullptr ? 0 : 1);
  if (name == "TYPE") return Reply::status(value == nullptr ? "none" : large ? "set" : "string");
  if (name == "DUMP") return value == nullptr ? Reply::nil() : Reply::string(dump(*value));
  if (name == "SCARD" || name == "SSCAN") {
    const auto all = large ? elements(*value) : std::vector<std::string>();
    if (name == "SCARD") return Reply::number(std::ssize(all));
    const bool first = command[2] == "0";
    std::vector<Reply> piece;
    for (std::size_t i = first ? 0 : 1; i < (first ? std::min<std::size_t>(1, all.size()) : all.size()); ++i)
      piece.push_back(Reply::string(all[i]));
    return Reply::array({Reply::string(first && large ? "1" : "0"), Reply::array(std::move(piece))});
  }
  if (value == nullptr) return Reply::number(-2);
  return Reply::number(value->expires_at == 0 ? -1 : value->expires_at);
}

// SADD and PEXPIREAT of a copy.
Reply Servers::add(Server& server, const Command& command) {
  const auto* held = find(server, command[1]);
  Value value = held == nullptr ? Value{"large", 0} : *held;
  if (command[0] == "SADD") {
    const auto there = elements(value);
    if (std::ranges::find(there, command[2]) == there.end()) value.text += " " + command[2];
  } else if (held != nullptr) {
    value.expires_at = std::stoll(command[2]);
  }
  const bool nothing = expired(value) || (command[0] == "PEXPIREAT" && held == nullptr);
  put(server, command[1], nothing ? std::nullopt : std::optional(value));
  return ok();
}

// Type, value, CRC-64.
std::string Servers::dump(const Value& value) {
  const bool stream = value.text.starts_with("stream");
  const auto check = std::to_string(std::hash<std::string>()(value.text) % 90'000'000 + 10'000'000);
  return std::string(1, stream ? '\x0f' : '\0') + value.text + "v1" + check;
}

Reply Servers::exec(Server& server, Connection& by) {
  const auto queue = *std::exchange(by.queue, std::nullopt);
  bool refused = std::exchange(by.dirty, false);
  for (const auto& [key, was_expired] : std::exchange(by.watched, {})) {
    const auto held = server.keys.find(key);
    refused = refused || (!was_expired && held != server.keys.end() && expired(held->second));
  }
  if (refused) return Reply::nil();
  now = std::max(now, std::exchange(now_in_script, 0));
  std::vector<Reply> replies;
  for (const auto& command : queue) replies.push_back(run_one(server, by, command));
  return Reply::array(std::move(replies));
}

// The script of hand_over.cpp, line by line.
Reply Servers::hand_over(Server& server, const Command& argv) {
  const auto say = [](const char* word, const std::string& text) {
    return Reply::array({Reply::string(word), Reply::string(text)});
  };
  const auto last = 5 + 2 * std::stoul(argv[4]);
  std::vector<Slot> slots;
  for (std::size_t i = 5; i < last; i += 2) {
    slots.push_back(static_cast<Slot>(std::stoi(argv[i])));
    if (removed != Removed::kCounts && count(server, slots.back()) != std::stoll(argv[i + 1]))
      return say("changed", argv[i]);
  }
  for (auto i = last; i < argv.size() && removed != Removed::kChecks; i += 2) {
    const auto* value = find(server, argv[i]);
    const auto dumped = value == nullptr ? std::string(8, ' ') : dump(*value);
    if (dumped.substr(dumped.size() - 8) != argv[i + 1]) return say("value", argv[i]);
  }
  const auto mark = [&](const Command& how) {
    std::string refused;
    for (const auto slot : slots) {
      Command command{"CLUSTER", "SETSLOT", std::to_string(slot)};
      command.insert(command.end(), how.begin(), how.end());
      const auto answer = setslot(server, slot, command);
      if (refused.empty() && answer.is_error()) refused = answer.text;
    }
    return refused;
  };
  const auto refused = mark({"MIGRATING", argv[3]});
  if (removed != Removed::kMarksTakenBack) mark({"STABLE"});
  if (!refused.empty()) return say("refused", refused);
  bool first = true;
  for (const auto& key : Keys(server.keys)) {
    if (std::ranges::find(slots, key_slot(key.first)) == slots.end()) continue;
    const auto no = refusal(server, key.first, false);
    if (no.empty()) put(server, key.first, std::nullopt);
    if (!no.empty() && first) return say("refused", "ERR Script attempted to access a non local key");
    first = false;
  }
  mark({"MIGRATING", argv[3]});
  return say("done", "");
}

Reply Servers::cluster(Server& server, const Command& command) {
  const auto& what = command[1];
  if (what == "NODES") {
    std::string line = server.id + " 127.0.0.1:1@2 myself,master - 0 0 1 connected";
    for (const auto& [slot, owner] : server.owner)
      line += owner == server.id ? " " + std::to_string(slot) : "";
    for (const auto& [slot, peer] : server.migrating)
      line += " [" + std::to_string(slot) + "->-" + peer + "]";
    for (const auto& [slot, peer] : server.importing)
      line += " [" + std::to_string(slot) + "-<-" + peer + "]";
    return Reply::string(line + "\n");
  }
  if (what == "BUMPEPOCH") return ok();
  const auto slot = static_cast<Slot>(std::stoi(command[2]));
  if (what == "COUNTKEYSINSLOT") return Reply::number(count(server, slot));
  if (what == "GETKEYSINSLOT") return names(server, slot, std::stoul(command[3]));
  return setslot(server, slot, command);
}

Reply Servers::names(const Server& server, Slot slot, std::size_t most) const {
  std::vector<Reply> names;
  for (const auto& key : server.keys) {
    if (key_slot(key.first) == slot && names.size() < most) names.push_back(Reply::string(key.first));
  }
  return Reply::array(std::move(names));
}

Reply Servers::setslot(Server& server, Slot slot, const Command& command) {
  const auto& state = command[3];
  if (state == "STABLE") {
    server.migrating.erase(slot);
    server.importing.erase(slot);
    return ok();
  }
  const auto& peer = command[4];
  if (!live(peer)) return Reply::error("ERR Unknown node " + peer);
  if (state == "MIGRATING") {
    if (!owns(server, slot)) return Reply::error("ERR I'm not the owner of hash slot " + command[2]);
    server.migrating[slot] = peer;
  } else if (state == "IMPORTING") {
    if (owns(server, slot)) return Reply::error("ERR I'm already the owner of hash slot " + command[2]);
    server.importing[slot] = peer;
  } else {
    const bool gives = owns(server, slot) && peer != server.id;
    if (gives && count(server, slot) > 0)
      return Reply::error("ERR Can't assign hashslot while I still hold keys for this hash slot.");
    if (count(server, slot) == 0) server.migrating.erase(slot);
    if (peer == server.id) server.importing.erase(slot);
    server.owner[slot] = peer;
  }
  return ok();
}

Reply Servers::client(Server& server, Connection& by, const Command& command) {
  const auto& what = command[1];
  if (what == "ID") return Reply::number(by.id);
  if (what == "TRACKING") {
    by.redirect = command[2] == "ON" ? std::stoi(command[4]) : 0;
    if (by.redirect == 0) return ok();
    const auto to = connections_.find(by.redirect);
    return to != connections_.end() && to->second.alive
               ? ok()
               : Reply::error("ERR The client ID you want redirect to does not exist");
  }
  if (what == "LIST") {
    std::string list;
    for (const auto& [id, connection] : connections_) {
      if (connection.node == server.id && connection.alive)
        list += "id=" + std::to_string(id) + " name=us cmd=client\n";
    }
    return Reply::string(list);
  }
  if (what != "KILL") return ok();  // PAUSE, UNPAUSE: no pause is part of the argument
  const auto victim = connections_.find(std::stoi(command[3]));
  const bool there = victim != connections_.end() && victim->second.node == server.id && victim->second.alive;
  if (there) victim->second.alive = false;
  return Reply::number(there ? 1 : 0);
}

// MIGRATE host ... KEYS: host is the target's id here.
Reply Servers::migrate(Server& server, const Command& command) {
  auto& target = at(command[1]);
  const bool replace = std::ranges::find(command, "REPLACE") != command.end();
  bool any = false, busy = false;
  for (auto key = std::ranges::find(command, "KEYS") + 1; key != command.end(); ++key) {
    const auto* value = find(server, *key);
    if (value == nullptr) continue;
    if (const auto no = refusal(target, *key, true); !no.empty())
      return Reply::error("ERR Target instance replied with error: " + no);
    any = true;
    if (!replace && find(target, *key) != nullptr) {
      busy = true;
      continue;
    }
    put(target, *key, *value);
    put(server, *key, std::nullopt);
  }
  replicate(target);
  if (busy)
    return Reply::error("ERR Target instance replied with error: BUSYKEY Target key name already exists.");
  return Reply::status(any ? "OK" : "NOKEY");
}

}  // namespace rebalance::model
