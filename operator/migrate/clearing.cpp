#include "migrate/clearing.h"

#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

constexpr std::int64_t kKeysAtOnce = 256;  // of a slot

}  // namespace

void Clearing::start(const SlotSet& slots, bool close) {
  left_ = slots;
  close_ = close;
  stage_ = Stage::kList;
  found_.clear();
}

Ask Clearing::next() {
  Ask ask{Side::kTarget, {}};
  if (stage_ == Stage::kDelete) {
    for (const auto& key : found_) {
      ask.commands.push_back({"ASKING"});
      ask.commands.push_back({"UNLINK", key});
    }
  } else if (stage_ == Stage::kList) {
    for_each_slot(left_, [&](Slot slot) { ask.commands.push_back(list_keys(slot, kKeysAtOnce)); });
  } else {
    ask.commands = setslot_stable_each(left_);
  }
  ask.writes = stage_ != Stage::kList;
  ask.clears = true;
  return ask;
}

std::optional<std::string> Clearing::take(const std::vector<Reply>& replies) {
  if (const auto* wrong = first_error(replies)) return wrong->text;
  if (stage_ == Stage::kDelete) {
    stage_ = Stage::kList;
    return std::nullopt;
  }
  if (stage_ == Stage::kClose) {
    left_ = {};
    return std::nullopt;
  }
  found_.clear();
  for (const auto& reply : replies) {
    for (const auto& key : reply.items) found_.push_back(key.text);
  }
  if (!found_.empty()) {
    stage_ = Stage::kDelete;
  } else if (close_) {
    stage_ = Stage::kClose;
  } else {
    left_ = {};
  }
  return std::nullopt;
}

}  // namespace rebalance
