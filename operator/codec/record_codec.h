// What a run must find again after its process ended: the approved plan and whose it is, as JSON text.
#pragma once

#include <string>

#include "api/status.h"
#include "base/result.h"

namespace rebalance {

struct Record {
  std::string resource;     // namespace/name
  std::string fingerprint;  // RedisRebalance::fingerprint when the plan was approved
  std::string started;      // RFC 3339
  Plan plan;                // batches, engines and hash; forecasts and notes are not kept
};

std::string encode_record(const Record& record);
// kInvalidInput when the text is no record of this version.
Result<Record> decode_record(const std::string& text);

}  // namespace rebalance
