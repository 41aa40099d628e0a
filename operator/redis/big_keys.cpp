#include <algorithm>
#include <functional>

#include "redis/key_slot.h"
#include "redis/sizes.h"
#include "redis/slot_queries.h"

namespace rebalance {
namespace {

constexpr std::int64_t kListable = 1000;  // keys of a slot that GETKEYSINSLOT may list in full

class BigKeySearch {
 public:
  BigKeySearch(Connection& connection, const SlotSet& slots, Bytes threshold)
      : connection_(connection), slots_(each_slot(slots)), threshold_(threshold) {}

  Result<std::vector<BigKey>> run() {
    TRY(counts, count_keys(connection_, slots_));
    std::vector<bool> large(kSlotCount);
    std::vector<std::pair<Slot, std::int64_t>> listable;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (counts[i] > kListable) {
        large[slots_[i]] = true;
      } else if (counts[i] > 0) {
        listable.emplace_back(slots_[i], counts[i]);
      }
    }
    TRY_OK(list(listable));
    if (std::ranges::find(large, true) != large.end()) TRY_OK(scan(large));
    TRY_OK(name_types());
    std::ranges::sort(found_, std::greater(), &BigKey::bytes);
    return std::move(found_);
  }

 private:
  Status list(const std::vector<std::pair<Slot, std::int64_t>>& slots) {
    constexpr std::size_t kSlotsAtOnce = 100;  // up to 100,000 keys in memory
    for (std::size_t first = 0; first < slots.size(); first += kSlotsAtOnce) {
      std::vector<std::string> keys;
      TRY_OK(ask_all(
          connection_, std::min(kSlotsAtOnce, slots.size() - first),
          [&](std::size_t i) {
            const auto& [slot, count] = slots[first + i];
            return Args{"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), std::to_string(count)};
          },
          [&](std::size_t, Reply& reply) {
            for (auto& item : reply.items) keys.push_back(std::move(item.text));
          }));
      TRY_OK(weigh(keys));
    }
    return {};
  }

  Status scan(const std::vector<bool>& wanted) {
    std::string cursor = "0";
    do {
      TRY(reply, connection_.command({"SCAN", cursor, "COUNT", "500"}));
      if (reply.items.size() != 2) return refused(connection_, "SCAN", reply);
      cursor = reply.items[0].text;
      std::vector<std::string> keys;
      for (auto& item : reply.items[1].items) {
        if (wanted[key_slot(item.text)]) keys.push_back(std::move(item.text));
      }
      TRY_OK(weigh(keys));
    } while (cursor != "0");
    return {};
  }

  Status weigh(std::vector<std::string>& keys) {
    return ask_all(
        connection_, keys.size(), [&](std::size_t i) { return memory_usage(keys[i], "64"); },
        [&](std::size_t i, const Reply& reply) {
          if (!reply.is_integer() || reply.integer < threshold_) return;
          const Slot slot = key_slot(keys[i]);
          found_.push_back({std::move(keys[i]), {}, reply.integer, slot});
        });
  }

  // Also drops what SCAN gave twice.
  Status name_types() {
    std::ranges::sort(found_, {}, &BigKey::key);
    const auto twice = std::ranges::unique(found_, {}, &BigKey::key);
    found_.erase(twice.begin(), twice.end());
    return ask_all(
        connection_, found_.size(), [&](std::size_t i) { return Args{"TYPE", found_[i].key}; },
        [&](std::size_t i, const Reply& reply) {
          found_[i].type = went_elsewhere(reply) ? "none" : reply.text;
        });
  }

  Connection& connection_;
  std::vector<Slot> slots_;
  Bytes threshold_;
  std::vector<BigKey> found_;
};

}  // namespace

Result<std::vector<BigKey>> find_big_keys(Connection& connection, const SlotSet& slots, Bytes threshold) {
  return BigKeySearch(connection, slots, threshold).run();
}

}  // namespace rebalance
