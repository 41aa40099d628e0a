#include "redis/atomic_tasks.h"

#include <algorithm>

#include "base/text.h"

namespace rebalance {
namespace {

// The text after the first of `names` that is there, in a flat array "name, value, name, value".
std::string named(const Reply& flat, std::initializer_list<std::string_view> names) {
  for (std::size_t i = 0; i + 1 < flat.items.size(); i += 2) {
    const auto& value = flat.items[i + 1];
    if (std::ranges::count(names, flat.items[i].text) > 0)
      return value.is_integer() ? std::to_string(value.integer) : value.text;
  }
  return {};
}

AtomicTask::State state_of(const std::string& stage) {
  if (stage == "completed" || stage == "success") return AtomicTask::State::kDone;
  if (stage == "canceled" || stage == "cancelled") return AtomicTask::State::kCancelled;
  return stage == "failed" ? AtomicTask::State::kFailed : AtomicTask::State::kRunning;
}

AtomicTask task_of(const Reply& flat) {
  AtomicTask task;
  const auto operation = named(flat, {"operation"});
  task.id = named(flat, {"id", "name"});
  auto ranges = named(flat, {"slots", "slot_ranges"});
  std::ranges::replace(ranges, ' ', ',');
  if (auto slots = SlotSet::parse(ranges)) task.slots = *std::move(slots);
  task.source = named(flat, {"source", "source_node"});
  task.target = named(flat, {"dest", "target_node"});
  task.import = operation == "import" || operation == "IMPORT";
  task.stage = named(flat, {"state"});
  task.state = state_of(task.stage);
  task.message = named(flat, {"last_error", "message"});
  task.retries = whole_number<int>(named(flat, {"retries"})).value_or(0);
  const bool tries_again = task.state == AtomicTask::State::kFailed && operation == "import";  // lower: Redis
  task.live = task.state == AtomicTask::State::kRunning || tries_again;
  return task;
}

}  // namespace

std::vector<AtomicTask> parse_atomic_tasks(const Reply& reply) {
  std::vector<AtomicTask> tasks;
  for (const auto& item : reply.items) {
    if (item.is_array()) tasks.push_back(task_of(item));
  }
  return tasks;
}

}  // namespace rebalance
