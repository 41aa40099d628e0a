// What a run must find again after its process ended: the approved plan and whose it is, as JSON text.
#pragma once

#include <optional>
#include <string>

#include "api/status.h"
#include "base/result.h"

namespace rebalance {

struct Record {
  std::string resource;               // namespace/name
  std::string fingerprint;            // RedisRebalance::fingerprint when the plan was made
  std::string when;                   // RFC 3339
  bool approved = false;              // else it waits for approval
  std::optional<RollBack> roll_back;  // it goes back; its plan follows from the layout of the start
  Plan plan;  // hash, batches, engines, raises, totals, pod and limit of each node; the rest is not kept
};

std::string encode_record(const Record& record);
// kInvalidInput when the text is no record of this version.
Result<Record> decode_record(const std::string& text);

}  // namespace rebalance
