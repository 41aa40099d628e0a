#include "migrate/key_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "migrate/slot_commands.h"

namespace rebalance {
namespace {

// Of one round trip: a few hundred microseconds of the server.
constexpr std::int64_t kNamesAtOnce = 2048;
constexpr std::size_t kSizesAtOnce = 384;

}  // namespace

void KeyList::start(const std::map<Slot, std::int64_t>& limits) {
  to_list_.assign(limits.begin(), limits.end());
  listing_.clear();
  unsized_.clear();
  sizing_ = 0;
  found_.clear();
  listed_.clear();
}

std::optional<Ask> KeyList::next() {
  Ask ask{Side::kSource, {}};
  if (!unsized_.empty()) {
    sizing_ = std::min(kSizesAtOnce, unsized_.size());
    for (std::size_t i = 0; i < sizing_; ++i) {
      if (asking_) ask.commands.push_back({"ASKING"});
      ask.commands.push_back({"MEMORY", "USAGE", unsized_[i].second});
      if (!expiries_) continue;
      if (asking_) ask.commands.push_back({"ASKING"});
      ask.commands.push_back({"PTTL", unsized_[i].second});
    }
    return ask;
  }
  for (std::int64_t names = 0; !to_list_.empty() && names < kNamesAtOnce; to_list_.pop_front()) {
    const auto [slot, limit] = to_list_.front();
    ask.commands.push_back(list_keys(slot, std::min(limit, kLongestList)));
    listing_.push_back(slot);
    names += std::min(limit, kLongestList);
  }
  if (ask.commands.empty()) return std::nullopt;
  return ask;
}

Status KeyList::take(const std::vector<Reply>& replies) {
  return sizing_ > 0 ? take_sizes(replies) : take_names(replies);
}

Status KeyList::take_names(const std::vector<Reply>& replies) {
  for (std::size_t i = 0; i < listing_.size(); ++i) {
    if (!replies[i].is_array()) {
      return error(ErrorCode::kRefused,
                   fmt::format("CLUSTER GETKEYSINSLOT answered \"{}\"", replies[i].text));
    }
    listed_[listing_[i]] = static_cast<std::int64_t>(replies[i].items.size());
    for (const auto& key : replies[i].items) keep(listing_[i], key.text);
  }
  listing_.clear();
  return {};
}

void KeyList::keep(Slot slot, std::string name) {
  const auto known = known_.find(name);
  if (known == known_.end()) {
    unsized_.emplace_back(slot, std::move(name));
  } else {
    found_.push_back({slot, std::move(name), known->second.bytes, known->second.expires});
  }
}

Status KeyList::take_sizes(const std::vector<Reply>& replies) {
  const std::size_t step = asking_ ? 2 : 1;  // ASKING stands before each
  std::size_t next = step - 1;
  for (std::size_t i = 0; i < sizing_; ++i) {
    auto [slot, name] = std::move(unsized_.front());
    unsized_.pop_front();
    const auto& reply = replies[next];
    const bool expires = expiries_ && replies[next + step].is_integer() && replies[next + step].integer >= 0;
    next += expiries_ ? 2 * step : step;
    // Gone in the meantime: nil in a closed slot, ASK in an open one.
    if (reply.is_nil() || reply.is_error("ASK") || reply.is_error("TRYAGAIN")) continue;
    if (!reply.is_integer())
      return error(ErrorCode::kRefused, fmt::format("MEMORY USAGE answered \"{}\"", reply.text));
    known_[name] = {reply.integer, expires};
    found_.push_back({slot, std::move(name), reply.integer, expires});
  }
  sizing_ = 0;
  return {};
}

}  // namespace rebalance
