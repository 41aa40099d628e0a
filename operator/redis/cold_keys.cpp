#include "redis/cold_keys.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "redis/key_slot.h"
#include "redis/slot_queries.h"

namespace rebalance {
namespace {

constexpr std::int64_t kListable = 5000;  // keys of a slot that GETKEYSINSLOT may list in full
constexpr std::int64_t kBudget = 4000;    // keys of a sample, about
constexpr std::size_t kSlotsAtOnce = 20;  // up to 100,000 names in memory

Args idle_time(const std::string& key) { return {"OBJECT", "IDLETIME", key}; }

class ColdKeySearch {
 public:
  ColdKeySearch(Connection& connection, const SlotSet& slots, const ColdSearch& search, ColdCount& total)
      : connection_(connection), slots_(each_slot(slots)), search_(search), total_(total) {}

  Status run() {
    TRY_OK(ask_right());
    TRY(counts, count_keys(connection_, slots_));
    std::vector<Listing> filled;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      total_.keys += counts[i];
      if (counts[i] > 0) filled.push_back({slots_[i], counts[i]});
    }
    return search_.every_key ? look_at_all(std::move(filled)) : look_at_some(filled);
  }

 private:
  struct Listing {
    Slot slot;
    std::int64_t keys;
  };

  // Once, so that a user without the right does not fill the server's log of refusals.
  Status ask_right() {
    TRY(reply, connection_.command(idle_time("redis-rebalance")));
    return reply.is_error("NOPERM") ? refused(connection_, "OBJECT IDLETIME", reply) : Status{};
  }

  Status look_at_all(std::vector<Listing> slots) {
    std::vector<bool> large(kSlotCount);
    bool any = false;
    for (const auto& [slot, keys] : slots) any = (large[slot] = keys > kListable) || any;
    std::erase_if(slots, [](const Listing& listing) { return listing.keys > kListable; });
    TRY_OK(list(slots));
    return any ? scan(large) : Status{};
  }

  // Whole slots, since many servers list the keys of one by their age.
  Status look_at_some(const std::vector<Listing>& slots) {
    const auto step = static_cast<std::size_t>(total_.keys / kBudget + 1);
    std::vector<Listing> some;
    std::int64_t keys = 0;
    for (std::size_t i = step / 2 < slots.size() ? step / 2 : 0; i < slots.size(); i += step) {
      some.push_back({slots[i].slot, std::min(slots[i].keys, kListable)});
      keys += some.back().keys;
    }
    if (keys > 0) stands_for_ = static_cast<double>(total_.keys) / static_cast<double>(keys);
    return list(some);
  }

  Status list(std::span<const Listing> slots) {
    while (!slots.empty()) {
      const auto some = slots.first(std::min(kSlotsAtOnce, slots.size()));
      slots = slots.subspan(some.size());
      std::vector<std::string> keys;
      TRY_OK(ask_all(
          connection_, some.size(),
          [&](std::size_t i) {
            return Args{"CLUSTER", "GETKEYSINSLOT", std::to_string(some[i].slot),
                        std::to_string(some[i].keys)};
          },
          [&](std::size_t, Reply& reply) {
            for (auto& item : reply.items) keys.push_back(std::move(item.text));
          }));
      TRY_OK(look_at(keys));
    }
    return {};
  }

  // SCAN may give a key twice; what is deleted is not found again, and a count may be high by a few.
  Status scan(const std::vector<bool>& wanted) {
    std::string cursor = "0";
    do {
      TRY(reply, connection_.command({"SCAN", cursor, "COUNT", "1000"}));
      if (reply.items.size() != 2) return refused(connection_, "SCAN", reply);
      cursor = reply.items[0].text;
      std::vector<std::string> keys;
      for (auto& item : reply.items[1].items) {
        if (wanted[key_slot(item.text)]) keys.push_back(std::move(item.text));
      }
      TRY_OK(look_at(keys));
    } while (cursor != "0");
    return {};
  }

  Status look_at(std::vector<std::string>& keys) {
    if (search_.stop.stop_requested())
      return error(ErrorCode::kStopped, "stopped while looking for cold keys");
    total_.looked_at += std::ssize(keys);
    std::vector<std::string> cold;
    std::int64_t expired = 0;
    TRY_OK(ask_all(
        connection_, keys.size(), [&](std::size_t i) { return idle_time(keys[i]); },
        [&](std::size_t i, const Reply& reply) {
          expired += reply.is_nil() ? 1 : 0;
          if (reply.is_integer() && reply.integer >= search_.idle_seconds) cold.push_back(std::move(keys[i]));
        }));
    total_.expired += of_all(expired);
    return take(cold);
  }

  Status take(const std::vector<std::string>& cold) {
    Bytes bytes = 0;
    TRY_OK(ask_all(
        connection_, cold.size(), [&](std::size_t i) { return memory_usage(cold[i], "5"); },
        [&](std::size_t, const Reply& reply) { bytes += reply.integer; }));
    total_.cold += of_all(std::ssize(cold));
    total_.bytes += of_all(bytes);
    if (cold.empty() || !search_.every_key || !search_.found) return {};
    return search_.found(cold, total_.deleted);
  }

  std::int64_t of_all(std::int64_t sampled) const {
    return std::llround(stands_for_ * static_cast<double>(sampled));
  }

  Connection& connection_;
  std::vector<Slot> slots_;
  const ColdSearch& search_;
  ColdCount& total_;
  double stands_for_ = 1;  // what one key of a sample does
};

// Keys of one slot in each.
std::vector<Args> scripts_for(const std::vector<std::string>& keys, int idle_seconds) {
  constexpr std::size_t kKeysOfAScript = 100;  // 0.1 ms
  static const std::string script =
      "local gone = 0 "
      "for i = 1, #KEYS do "
      "local idle = redis.call('OBJECT', 'IDLETIME', KEYS[i]) "
      "if idle and idle >= tonumber(ARGV[1]) then gone = gone + redis.call('UNLINK', KEYS[i]) end "
      "end return gone";
  std::map<Slot, std::vector<std::string>> by_slot;
  for (const auto& key : keys) by_slot[key_slot(key)].push_back(key);
  std::vector<Args> scripts;
  for (const auto& [slot, all] : by_slot) {
    for (std::size_t first = 0; first < all.size(); first += kKeysOfAScript) {
      const auto some = std::span(all).subspan(first, std::min(kKeysOfAScript, all.size() - first));
      Args args{"EVAL", script, std::to_string(some.size())};
      args.insert(args.end(), some.begin(), some.end());
      args.push_back(std::to_string(idle_seconds));
      scripts.push_back(std::move(args));
    }
  }
  return scripts;
}

}  // namespace

Status count_cold_keys(Connection& connection, const SlotSet& slots, const ColdSearch& search,
                       ColdCount& count) {
  return ColdKeySearch(connection, slots, search, count).run();
}

Status unlink_if_idle(Connection& connection, const std::vector<std::string>& keys, int idle_seconds,
                      const std::function<Status()>& may_write, std::int64_t& deleted) {
  constexpr std::size_t kScriptsInFlight = 50;
  const auto scripts = scripts_for(keys, idle_seconds);
  for (std::size_t first = 0; first < scripts.size(); first += kScriptsInFlight) {
    TRY_OK(may_write());
    const auto some = std::span(scripts).subspan(first, std::min(kScriptsInFlight, scripts.size() - first));
    TRY(replies, connection.pipeline(some));
    for (const auto& reply : replies) deleted += reply.integer;
    const auto problem = std::ranges::find_if(
        replies, [](const Reply& reply) { return reply.is_error() && !went_elsewhere(reply); });
    if (problem != replies.end()) return refused(connection, "EVAL of OBJECT IDLETIME and UNLINK", *problem);
  }
  return {};
}

}  // namespace rebalance
