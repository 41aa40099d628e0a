#include "control/move_log.h"

#include <fmt/format.h>

#include "codec/layout_codec.h"

namespace rebalance {
namespace {

constexpr std::size_t kMostText = std::size_t{64} * 1024;
constexpr Millis kPeriod{5000};

std::string line(const BatchReport& batch, const World& world, const std::string& when) {
  return fmt::format(
      "{} batch {} {} -> {} {}: slots {}; {} moved, {} skipped, {} keys, {} bytes, {:.1f} s{}\n", when,
      batch.batch.index + 1, world.pod_of(batch.batch.source), world.pod_of(batch.batch.target),
      engine_name(batch.engine), batch.batch.slots.text(), batch.slots, batch.skipped, batch.keys,
      batch.bytes, batch.seconds, batch.error ? "; " + batch.error->message : "");
}

}  // namespace

Status MoveLog::begin(const InitialLayout& layout, bool again) {
  if (again) {
    if (!text_.empty()) return {};
    TRY(before, documents_.get(kMoves));
    text_ = before.value_or("");
    return {};
  }
  text_.clear();
  dirty_ = true;
  return documents_.put(kLayout, encode_layout(layout));
}

void MoveLog::add(const BatchReport& batch, const World& world, const std::string& when) {
  text_ += line(batch, world, when);
  while (text_.size() > kMostText) text_.erase(0, text_.find('\n') + 1);
  dirty_ = true;
}

Status MoveLog::flush(Instant now, bool last) {
  if (!dirty_ || (!last && now - written_ < kPeriod)) return {};
  dirty_ = false;
  written_ = now;
  return documents_.put(kMoves, text_);
}

}  // namespace rebalance
