#include "control/cold_keys.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "redis/cold_keys.h"

namespace rebalance {
namespace {

constexpr std::size_t kMostNames = std::size_t{64} * 1024;  // bytes of all of them
constexpr Millis kPeriod{5000};

std::size_t size_of(const ColdPods& pods) {
  std::size_t size = 0;
  for (const auto& [pod, seen] : pods) {
    for (const auto& name : seen.names) size += name.size();
  }
  return size;
}

}  // namespace

Status ColdKeyBook::recall() {
  TRY(text, documents_.get(kColdKeys));
  if (!text) return {};
  TRY(pods, decode_cold_keys(*text));
  const std::scoped_lock lock(mutex_);
  pods_ = std::move(pods);
  names_size_ = size_of(pods_);
  return {};
}

void ColdKeyBook::clear() {
  const std::scoped_lock lock(mutex_);
  pods_.clear();
  names_size_ = 0;
}

void ColdKeyBook::look(const PodName& source, const SlotSet& slots, const ConnectOptions& access, Gate& gate,
                       std::stop_token stop) {
  auto fresh = slots;
  {
    const std::scoped_lock lock(mutex_);
    if (unknown_.contains(source)) return;
    fresh.remove(pods_[source].slots);
  }
  if (fresh.empty()) return;
  ColdCount count;
  auto how = begin(source, fresh);
  if (how) how = search(source, fresh, access, gate, std::move(stop), count);
  end(source, fresh, count, how);
}

Status ColdKeyBook::begin(const PodName& source, const SlotSet& slots) {
  if (!spec_.remove) return {};
  const std::scoped_lock lock(mutex_);
  pods_[source].deleting.add(slots);
  return write();
}

Status ColdKeyBook::search(const PodName& source, const SlotSet& slots, const ConnectOptions& access,
                           Gate& gate, std::stop_token stop, ColdCount& count) {
  TRY(connection, Connection::open(access));
  ColdSearch search{spec_.idle_seconds, spec_.remove || spec_.list_names, {}, std::move(stop)};
  search.found = [&](const std::vector<std::string>& keys, std::int64_t& deleted) -> Status {
    if (spec_.list_names) note_names(source, keys);
    if (!spec_.remove) return {};
    const auto may_write = [&] { return gate.may_clear(); };  // it only makes room
    return unlink_if_idle(connection, keys, spec_.idle_seconds, may_write, deleted);
  };
  return count_cold_keys(connection, slots, search, count);
}

void ColdKeyBook::end(const PodName& source, const SlotSet& slots, const ColdCount& count,
                      const Status& how) {
  const std::scoped_lock lock(mutex_);
  auto& pod = pods_[source];
  pod.deleting.remove(slots);
  pod.count += count;
  dirty_ = true;
  if (how) return pod.slots.add(slots);
  if (how.error().code == ErrorCode::kStopped) return;
  if (how.error().code == ErrorCode::kRefused) unknown_.insert(source);
  problems_.push_back(fmt::format("the cold keys of {} are not known: {}", source, how.error().message));
}

void ColdKeyBook::note_names(const PodName& source, const std::vector<std::string>& keys) {
  const std::scoped_lock lock(mutex_);
  auto& pod = pods_[source];
  for (const auto& key : keys) {
    auto name = printable(key);
    if (names_size_ + name.size() > kMostNames) {
      pod.names_left_out++;
      continue;
    }
    names_size_ += name.size();
    pod.names.push_back(std::move(name));
  }
}

std::vector<std::string> ColdKeyBook::take_problems() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(problems_, {});
}

std::optional<ColdCount> ColdKeyBook::count() const {
  const std::scoped_lock lock(mutex_);
  ColdCount sum;
  for (const auto& [pod, seen] : pods_) sum += seen.count;
  return sum.looked_at == 0 ? std::nullopt : std::optional(sum);
}

Status ColdKeyBook::write() {
  dirty_ = false;
  return documents_.put(kColdKeys, encode_cold_keys(pods_, spec_.idle_seconds));
}

Status ColdKeyBook::flush(Instant now, bool last) {
  const std::scoped_lock lock(mutex_);
  if (!dirty_ || (!last && now - written_ < kPeriod)) return {};
  written_ = now;
  return write();
}

}  // namespace rebalance
