// What must hold: while clients are served, at every instant; of what is left, in the end.
#include <fmt/format.h>

#include <algorithm>

#include "world.h"

namespace rebalance::model {

std::optional<Value> World::truth(const std::string& key) const {
  const auto found = truth_.find(key);
  if (found == truth_.end() || servers_.expired(found->second)) return std::nullopt;
  return found->second;
}

// A failover is judged by its end.
void World::check_served() {
  if (replays || failed_over_) return;
  check_owners();
  check_clients();
}

// Wherever a client starts, it reads what was acknowledged.
void World::check_clients() {
  for (const auto& [start, server] : servers_.nodes()) {
    for (const auto& name : names_) {
      bool served = false;
      const auto seen = servers_.seen(start, name, served);
      const auto expected = truth(name);
      const auto how = fmt::format("{} from {}", name, start);
      if (!served) throw Broken{"every key is served", how};
      if (seen == expected) continue;
      if (!expected) throw Broken{"what was deleted or expired stays away", how};
      throw Broken{"every acknowledged write is read", how};
    }
  }
}

void World::check_owners() {
  for_each_slot(slots_, [&](Slot slot) {
    int serve = 0;
    for (const auto& [id, server] : servers_.nodes()) {
      const bool holds = std::ranges::any_of(server.keys, [&](const auto& key) {
        return key_slot(key.first) == slot && !servers_.expired(key.second);
      });
      const bool away = server.migrating.contains(slot) && !holds;
      serve += servers_.owns(server, slot) && !away ? 1 : 0;
    }
    if (serve > 1) throw Broken{"one node alone serves a slot's writes", fmt::format("slot {}", slot)};
  });
}

// No mark is left, all name one owner, and nobody else holds keys.
void World::check_closed() {
  for_each_slot(slots_, [&](Slot slot) {
    if (odd(slot)) throw Broken{"no slot is left half-moved", fmt::format("slot {}", slot)};
  });
}

void World::check_untouched(const SlotSet& slots) {
  for_each_slot(slots, [&](Slot slot) {
    const bool given = !servers_.owns(servers_.at("A"), slot) || servers_.at("A").migrating.contains(slot);
    const bool staged =
        servers_.count(servers_.at("B"), slot) > 0 || servers_.at("B").importing.contains(slot);
    if (given || staged)
      throw Broken{"what is stopped leaves both nodes as they were", fmt::format("slot {}", slot)};
  });
}

Keys World::only_on_others() const {
  Keys alone;
  for (const auto& name : names_) {
    const Value *owners = nullptr, *others = nullptr;
    for (const auto& [id, server] : servers_.nodes()) {
      const auto* value = servers_.find(server, name);
      if (value != nullptr) (servers_.owns(server, key_slot(name)) ? owners : others) = value;
    }
    if (others != nullptr && owners == nullptr) alone[name] = *others;
  }
  return alone;
}

void World::check_recovered() {
  const auto held = [&](const std::string& name, const Value* value) {
    for (const auto& [id, server] : servers_.nodes()) {
      const auto* found = servers_.find(server, name);
      if (found != nullptr && (value == nullptr || found->text == value->text)) return true;
    }
    return false;
  };
  if (reports_.empty()) check_closed();
  for (const auto& [name, value] : alone_) {
    if (servers_.expired(value) || held(name, nullptr)) continue;
    throw Broken{"recovery deletes nothing that only the target has", name};
  }
  for (const auto& [name, value] : kept_) {
    if (!servers_.expired(value) && !held(name, &value))
      throw Broken{"what a failover took from its owner is kept where it is", name};
  }
  for (const auto& name : names_) {
    bool served = false;
    const auto seen = servers_.seen(first(), name, served), expected = truth(name);
    if (seen == expected || undecided_.contains(name)) continue;
    if (!expected) throw Broken{"what was deleted or expired stays away", name + " after a failover"};
    if (reports_.empty() || !held(name, &*expected))
      throw Broken{"every acknowledged write is read", name + " after a failover"};
  }
}

}  // namespace rebalance::model
