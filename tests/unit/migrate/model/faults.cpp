// What else happens while a driver works: clients write, time passes, connections and nodes go.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "world.h"

namespace rebalance::model {

std::string Action::text() const {
  switch (what) {
    case What::kGoOn: return "";
    case What::kSet: return fmt::format("set {}", number);
    case What::kDelete: return fmt::format("delete {}", number);
    case What::kSwap: return fmt::format("delete {} and create {}", number, other);
    case What::kExpire: return fmt::format("expire {}", number);
    case What::kSilent: return fmt::format("change {} silently", number);
    case What::kFlush: return "flush";
    case What::kTickInExec: return "time passes within EXEC";
    case What::kTick: return "time passes";
    case What::kReap: return fmt::format("{} reaps {}", node, number);
    case What::kEvict: return fmt::format("{} evicts {}", node, number);
    case What::kCut: return fmt::format("lose connection {}", number);
    case What::kKill: return fmt::format("server ends connection {}", number);
    case What::kStop: return "stop";
    case What::kCrash: return "crash";
    case What::kFail:
      return fmt::format("{} fails over with {}{}", node, number, other == 1 ? ", unheard" : "");
    case What::kGossip: return fmt::format("gossip of slot {}", number);
    case What::kDeaf: return "no replica answers";
    case What::kFirst: return fmt::format("connection {} first", number);
    case What::kLate: return fmt::format("late command of {}", number);
  }
  return "";
}

// The driver's next command comes when nothing else is chosen any more.
void World::point() {
  while (true) {
    const auto possible = actions();
    const auto chosen = choose_(possible);
    if (chosen == 0) {
      history_ = history_ * 31 + 5;
      return;
    }
    act(possible[chosen]);
    check_served();
  }
}

std::vector<Action> World::actions() {
  std::vector<Action> actions{{}};
  for (const auto& [id, connection] : servers_.connections()) {
    if (connection.alive && !connection.ours && !connection.inbox.empty())
      actions.push_back({What::kLate, {}, id});
  }
  bool first = true;
  for (const int id : asked_) {
    const auto& connection = servers_.connections().at(id);
    if (!connection.alive || !connection.ours || connection.inbox.empty()) continue;
    if (!std::exchange(first, false) && scenario_.other_order) actions.push_back({What::kFirst, {}, id});
  }
  if (writes_ < scenario_.most_writes)
    std::ranges::copy_if(scenario_.writes, std::back_inserter(actions),
                         [&](const Action& action) { return possible(action); });
  if (faults_ < scenario_.most_faults) add_faults(actions);
  return actions;
}

bool World::possible(const Action& action) {
  const auto& key = names_[static_cast<std::size_t>(action.number)];
  const auto there = [&](const NodeId& id) {
    return servers_.live(id) && servers_.at(id).keys.contains(key);
  };
  switch (action.what) {
    case What::kTickInExec:
    case What::kTick: return servers_.now == 0 && servers_.now_in_script == 0;
    case What::kFlush: return servers_.live("A") && !servers_.at("A").keys.empty();
    case What::kReap: return there(action.node) && servers_.expired(servers_.at(action.node).keys.at(key));
    case What::kEvict:
      return there("B") && running_ && (!target_asked_ || scenario_.late_evictions) && servers_.live("A") &&
             servers_.at("A").migrating.empty() && !servers_.owns(servers_.at("B"), key_slot(key));
    default: break;
  }
  const auto* server = servers_.serving(first(), key);
  if (server == nullptr) return false;
  if (action.what == What::kSet) return true;
  if (action.what == What::kExpire && servers_.now > 0) return false;  // it would be a deletion
  if (servers_.find(*server, key) == nullptr) return false;
  // What is deleted on a new owner before its keys were brought back comes back with them: a known window.
  if (action.what == What::kDelete) return !failed_over_ || untouched();
  if (action.what != What::kSwap) return true;
  const auto& other = names_[static_cast<std::size_t>(action.other)];
  return servers_.find(*server, other) == nullptr && servers_.owns(*server, key_slot(key)) &&
         server->migrating.empty();
}

void World::add_faults(std::vector<Action>& actions) const {
  const auto may = [&](What fault) { return std::ranges::count(scenario_.faults, fault) > 0; };
  const bool between = asked_.empty();
  for (const int id : asked_) {
    const auto& connection = servers_.connections().at(id);
    if (may(What::kCut) && connection.ours && connection.alive) actions.push_back({What::kCut, {}, id});
    const bool waits = !connection.inbox.empty() && connection.inbox.front()[0] == "WAIT";
    if (may(What::kDeaf) && waits && servers_.replicas_answer) actions.push_back({What::kDeaf, {}});
  }
  for (const auto& [channel, id] : links_) {
    if (may(What::kKill) && between && servers_.connections().at(id).alive)
      actions.push_back({What::kKill, {}, id});
  }
  if (may(What::kStop) && running_ && between && !stop_) actions.push_back({What::kStop, {}});
  if (may(What::kCrash) && running_) actions.push_back({What::kCrash, {}});
  for (const auto* id : {"A", "B"}) {
    if (!may(What::kFail) || !running_ || !servers_.live(id)) continue;
    if (scenario_.early_failovers && !untouched()) continue;
    const auto unsent = static_cast<int>(servers_.at(id).unsent.size());
    for (int got = 0; got <= unsent; ++got) {
      const bool took = id[0] == 'B' && twice_owned();
      for (int unheard = 0; unheard <= (took ? 1 : 0); ++unheard)
        actions.push_back({What::kFail, id, got, unheard});
    }
  }
  if (may(What::kGossip) && twice_owned()) actions.push_back({What::kGossip, {}, *twice_owned()});
}

// A slot that the target has taken, and the source has not heard of it.
std::optional<Slot> World::twice_owned() const {
  std::optional<Slot> twice;
  if (!servers_.live("A") || !servers_.live("B")) return twice;
  for_each_slot(slots_, [&](Slot slot) {
    if (servers_.owns(servers_.at("B"), slot) && servers_.owns(servers_.at("A"), slot)) twice = slot;
  });
  return twice;
}

void World::act(const Action& action) {
  if (action.what == What::kFirst || action.what == What::kLate) return run_unit(action.number);
  if (std::ranges::count(scenario_.writes, action) > 0) {
    ++writes_;
    return write(action);
  }
  ++faults_;
  switch (action.what) {
    case What::kCrash: unfenced_ = true; throw Crashed();
    case What::kStop: stop_ = true; break;
    case What::kDeaf: servers_.replicas_answer = false; break;
    case What::kCut: let_go(action.number, false); break;
    case What::kKill: let_go(action.number, true); break;
    case What::kFail:
      fail_over(action.node, static_cast<std::size_t>(action.number), action.other == 1);
      break;
    case What::kGossip: gossip(static_cast<Slot>(action.number)); break;
    default: break;
  }
}

// The next command that anybody else could notice.
void World::run_unit(int id) {
  const auto& connection = servers_.connections().at(id);
  while (connection.inbox.size() > 1 && is_private(connection)) run_next(id);
  run_next(id);
}

// What loses a slot by gossip deletes its keys.
void World::gossip(Slot slot) {
  auto& server = servers_.at("A");
  server.owner[slot] = "B";
  for (const auto& [key, value] : Keys(server.keys)) {
    if (key_slot(key) == slot) servers_.put(server, key, std::nullopt);
  }
  servers_.replicate(server);
}

// Clients go where they are sent, and what they are told counts.
void World::write(const Action& action) {
  const auto& key = names_[static_cast<std::size_t>(action.number)];
  if (action.what == What::kTick || action.what == What::kTickInExec) {
    (action.what == What::kTick ? servers_.now : servers_.now_in_script) = 2000;
    return;
  }
  if (action.what == What::kFlush) {
    for (const auto& [name, value] : servers_.at("A").keys) {
      truth_.erase(name);
      written_["A"].insert(name);
    }
    return servers_.flush(servers_.at("A"));
  }
  const bool of_server = action.what == What::kReap || action.what == What::kEvict;
  auto& server = of_server ? servers_.at(action.node) : *servers_.serving(first(), key);
  if (!of_server) written_[server.id].insert(key);
  alone_.erase(key);
  Value value{fmt::format("{}w{}", key == names_[3] ? "stream " : "", writes_), 0};
  if (key == names_[0]) value.text = fmt::format("large l{} r{}", writes_, writes_);
  if (action.what == What::kExpire) value = {servers_.find(server, key)->text, 1000};
  switch (action.what) {
    case What::kReap:
    case What::kEvict: servers_.put(server, key, std::nullopt); break;
    case What::kSilent: servers_.put_silently(server, key, truth_[key] = value); break;
    case What::kSet:
    case What::kExpire: servers_.put(server, key, truth_[key] = value); break;
    default: servers_.put(server, key, std::nullopt); truth_.erase(key);
  }
  if (action.what == What::kSwap) {
    const auto& other = names_[static_cast<std::size_t>(action.other)];
    written_[server.id].insert(other);
    servers_.put(server, other, truth_[other] = value);
  }
  servers_.replicate(server);
}

// What is on its way over it may still arrive, unless the server ended it.
void World::let_go(int id, bool at_server) {
  auto& connection = servers_.connections().at(id);
  if (std::ranges::count(asked_, id) > 0) lost_ = true;
  if (!at_server) connection.ours = false;
  if (at_server || connection.inbox.empty()) connection.alive = false;
}

// What the replica had not got yet of clients' writes is lost, as always with Redis; nothing else may be.
void World::fail_over(const NodeId& id, std::size_t got, bool unheard) {
  std::set<std::string> served;
  for (const auto& name : names_) {
    const auto* server = servers_.serving(first(), name);
    if (server != nullptr && server->id == id) served.insert(name);
  }
  const auto heir = heirs_[id] = id + "2";
  servers_.fail_over(id, heir, got, unheard);
  failed_over_ = true;
  for (const int asked : asked_) lost_ = lost_ || servers_.connections().at(asked).node == id;
  const auto& fresh = servers_.at(heir);
  for (const auto& name : names_) {
    const auto* value = servers_.find(fresh, name);
    if (served.contains(name) && written_[id].contains(name)) {
      truth_.erase(name);
      if (value != nullptr) truth_[name] = *value;
    }
    if (id == "A" && !served.contains(name) && value != nullptr) undo(name, *value);
    if (heirs_.size() == 2 && written_[id].contains(name)) undecided_.insert(name);
  }
  if (id != "B") return;
  for (auto* keys : {&alone_, &kept_}) {  // copies that its replica had not got either
    std::erase_if(*keys, [&](const auto& key) {
      const auto* value = servers_.find(fresh, key.first);
      return value == nullptr || !(*value == key.second);
    });
  }
}

// The new source has a key that was handed over.
void World::undo(const std::string& name, const Value& value) {
  if (acknowledged_) {
    throw Broken{"a hand-over that the source's replica has acknowledged stays",
                 name + " is back on the new source"};
  }
  if (!servers_.owns(servers_.at("A2"), key_slot(name))) {
    undecided_.insert(name);  // the owner gets it, where it has none
    return;
  }
  if (truth(name) && truth(name)->text != value.text) kept_[name] = *truth(name);
  truth_[name] = value;
}

}  // namespace rebalance::model
