// The questions that sizes and big keys are found with. Private to redis/.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "model/slot_set.h"
#include "redis/connection.h"

namespace rebalance {

std::vector<Slot> each_slot(const SlotSet& set);
std::unexpected<Error> refused(const Connection& connection, const std::string& command, const Reply& reply);
Args memory_usage(const std::string& key, const char* samples);
Result<std::vector<std::int64_t>> count_keys(Connection& connection, const std::vector<Slot>& slots);

// CLUSTER SLOT-STATS of all these slots, in pieces of about 1 ms.
std::vector<Args> slot_stats_questions(const SlotSet& slots);

// ASK, MOVED: somebody moves the slot of that key just now, and the key is no longer here.
bool went_elsewhere(const Reply& reply);

// Sends make(i) for i < count in pieces and hands each reply to take(i, reply) in order. An error reply
// ends it, but for one of a key that went elsewhere.
template <typename Make, typename Take>
Status ask_all(Connection& connection, std::size_t count, Make make, Take take) {
  constexpr std::size_t kCommandsInFlight = 2000;
  std::vector<Args> commands;
  for (std::size_t first = 0; first < count; first += kCommandsInFlight) {
    commands.clear();
    for (std::size_t i = first; i < std::min(count, first + kCommandsInFlight); ++i)
      commands.push_back(make(i));
    TRY(replies, connection.pipeline(commands));
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (replies[i].is_error() && !went_elsewhere(replies[i]))
        return refused(connection, commands[i][0] + " " + commands[i][1], replies[i]);
      take(first + i, replies[i]);
    }
  }
  return {};
}

}  // namespace rebalance
