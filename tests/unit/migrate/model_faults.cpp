// What else happens while a driver works: clients write, time passes, connections and nodes go.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "model_world.h"

namespace rebalance::model {
namespace {

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  words.resize(3);
  return words;
}

}  // namespace

// The driver's next command comes when nothing else is chosen any more.
void World::point() {
  while (true) {
    const auto possible = actions();
    const auto chosen = choose_(possible);
    if (chosen == 0) return;
    act(possible[chosen]);
    check_owners();
    check_clients();
  }
}

std::vector<std::string> World::actions() {
  std::vector<std::string> actions{""};
  bool first = true;
  for (const auto& [id, connection] : servers_.connections()) {
    const bool waits = connection.alive && !connection.inbox.empty();
    if (waits && !connection.ours) actions.push_back(fmt::format("late {}", id));
  }
  for (const int id : asked_) {
    const auto& connection = servers_.connections().at(id);
    if (!connection.alive || !connection.ours || connection.inbox.empty()) continue;
    if (!std::exchange(first, false) && scenario_.other_order) actions.push_back(fmt::format("first {}", id));
  }
  if (writes_ < scenario_.most_writes) add_writes(actions);
  if (faults_ < scenario_.most_faults) add_faults(actions);
  return actions;
}

void World::add_writes(std::vector<std::string>& actions) {
  const auto start = servers_.live("A") ? NodeId("A") : heirs_["A"];
  for (const auto& action : scenario_.writes) {
    const auto word = words(action);
    const auto& kind = word[0];
    bool possible = true;
    if (kind == "tick") {
      possible = servers_.now == 0;
    } else if (kind == "flush") {
      possible = servers_.live("A") && !servers_.at("A").keys.empty();
    } else if (kind == "reap" || kind == "evict") {
      const auto& key = names_[std::stoul(word[2])];
      possible = servers_.live(word[1]) && servers_.at(word[1]).keys.contains(key);
      if (kind == "reap") possible = possible && servers_.expired(servers_.at(word[1]).keys.at(key));
      if (kind == "evict") {
        possible = possible && running_ && !target_asked_ && servers_.live("A") &&
                   servers_.at("A").migrating.empty() && !servers_.owns(servers_.at("B"), key_slot(key));
      }
    } else {
      const auto& key = names_[std::stoul(word[1])];
      const auto* server = servers_.serving(start, key);
      const bool there = server != nullptr && servers_.find(*server, key) != nullptr;
      possible = server != nullptr && (kind == "set" || there);
      if (kind == "swap") {
        possible = possible && servers_.find(*server, names_[std::stoul(word[2])]) == nullptr &&
                   servers_.owns(*server, key_slot(key)) && server->migrating.empty();
      }
    }
    if (possible) actions.push_back(action);
  }
}

void World::add_faults(std::vector<std::string>& actions) {
  const auto may = [&](const char* fault) { return std::ranges::count(scenario_.faults, fault) > 0; };
  const bool between = asked_.empty();
  for (const int id : asked_) {
    const auto& connection = servers_.connections().at(id);
    if (may("cut") && connection.ours && connection.alive) actions.push_back(fmt::format("cut {}", id));
    const bool waits = !connection.inbox.empty() && connection.inbox.front()[0] == "WAIT";
    if (may("deaf") && waits && servers_.replicas_answer) actions.emplace_back("deaf");
  }
  for (const auto& [channel, id] : links_) {
    if (may("kill") && between && servers_.connections().at(id).alive)
      actions.push_back(fmt::format("kill {}", id));
  }
  if (may("stop") && running_ && between && !stop_) actions.emplace_back("stop");
  if (may("crash") && running_) actions.emplace_back("crash");
  for (const auto* id : {"A", "B"}) {
    if (!may((std::string("fail ") + id).c_str()) || !servers_.live(id) || !running_) continue;
    for (std::size_t got = 0; got <= servers_.at(id).unsent.size(); ++got)
      actions.push_back(fmt::format("fail {} {}", id, got));
  }
  if (may("gossip") && servers_.live("A") && servers_.live("B")) {
    for_each_slot(slots_, [&](Slot slot) {
      if (servers_.owns(servers_.at("B"), slot) && servers_.owns(servers_.at("A"), slot))
        actions.push_back(fmt::format("gossip {}", slot));
    });
  }
}

void World::act(const std::string& action) {
  const auto word = words(action);
  const auto& kind = word[0];
  if (kind == "first" || kind == "late") {
    const int id = std::stoi(word[1]);
    auto& inbox = servers_.connections().at(id).inbox;
    while (inbox.front()[0] == "MULTI" || inbox.front()[0] == "EVAL" || inbox.front()[0] == "ASKING") run_next(id);
    return run_next(id);
  }
  if (std::ranges::count(scenario_.writes, action) > 0) {
    ++writes_;
    const bool of_server = kind == "reap" || kind == "evict";
    if (kind == "tick" || kind == "flush") return write(kind, {}, {});
    if (of_server) return write(kind, names_[std::stoul(word[2])], word[1]);
    return write(kind, names_[std::stoul(word[1])], word[2].empty() ? "" : names_[std::stoul(word[2])]);
  }
  ++faults_;
  if (kind == "crash") throw Crashed();
  if (kind == "stop") stop_ = true;
  if (kind == "deaf") servers_.replicas_answer = false;
  if (kind == "cut" || kind == "kill") let_go(std::stoi(word[1]), kind == "kill");
  if (kind == "fail") fail_over(word[1], std::stoul(word[2]));
  if (kind != "gossip") return;
  // What loses a slot by gossip deletes its keys.
  auto& server = servers_.at("A");
  const auto slot = static_cast<Slot>(std::stoi(word[1]));
  server.owner[slot] = "B";
  for (const auto& [key, value] : Keys(server.keys)) {
    if (key_slot(key) == slot) servers_.put(server, key, std::nullopt);
  }
  servers_.replicate(server);
}

// Clients go where they are sent, and what they are told counts.
void World::write(const std::string& kind, const std::string& key, const std::string& other) {
  if (kind == "tick") {
    servers_.now = 2000;
    return;
  }
  if (kind == "reap" || kind == "evict") {
    servers_.put(servers_.at(other), key, std::nullopt);
    return servers_.replicate(servers_.at(other));
  }
  if (kind == "flush") {
    for (const auto& [name, value] : servers_.at("A").keys) truth_.erase(name);
    return servers_.flush(servers_.at("A"));
  }
  auto& server = *servers_.serving(servers_.live("A") ? NodeId("A") : heirs_["A"], key);
  written_[server.id].insert(key);
  alone_.erase(key);
  Value value{fmt::format("{}w{}", key == names_[3] ? "stream " : "", writes_), 0};
  if (kind == "del" || kind == "swap") {
    servers_.put(server, key, std::nullopt);
    truth_.erase(key);
  } else if (kind == "expire") {
    value = {servers_.at(server.id).keys.at(key).text, 1000};
  }
  if (kind == "set" || kind == "expire") servers_.put(server, key, truth_[key] = value);
  if (kind == "silent") servers_.put_silently(server, key, truth_[key] = value);
  if (kind == "swap") {
    written_[server.id].insert(other);
    servers_.put(server, other, truth_[other] = value);
  }
  servers_.replicate(server);
}

// What is on its way over it may still arrive, unless the server ended it.
void World::let_go(int id, bool at_server) {
  auto& connection = servers_.connections().at(id);
  if (std::ranges::count(asked_, id) > 0) lost_ = true;
  if (at_server) {
    connection.alive = false;
    return;
  }
  connection.ours = false;
  if (connection.inbox.empty()) connection.alive = false;
}

// What the replica had not got yet of clients' writes is lost, as always with Redis; nothing else may be.
void World::fail_over(const NodeId& id, std::size_t got) {
  const auto start = servers_.live("A") ? NodeId("A") : heirs_["A"];
  std::set<std::string> served;
  for (const auto& name : names_) {
    const auto* server = servers_.serving(start, name);
    if (server != nullptr && server->id == id) served.insert(name);
  }
  const bool given = !servers_.at(id).migrating.empty();
  const auto heir = heirs_[id] = id + "2";
  servers_.fail_over(id, heir, got);
  failed_over_ = true;
  for (const int asked : asked_) lost_ = lost_ || servers_.connections().at(asked).node == id;
  const auto& fresh = servers_.at(heir);
  for (const auto& name : names_) {
    const auto* value = servers_.find(fresh, name);
    const bool undone = given && !served.contains(name) && value != nullptr;
    if (undone && acknowledged_) {
      throw Broken{"a hand-over that the source's replica has acknowledged stays",
                   name + " is back on " + heir};
    }
    if (!undone && !(served.contains(name) && written_[id].contains(name))) continue;
    if (undone && truth(name) && !(*truth(name) == *value)) kept_[name] = *truth(name);
    truth_.erase(name);
    if (value != nullptr) truth_[name] = *value;
  }
}

}  // namespace rebalance::model
