// What was seen of cold keys, by pod, as JSON text: the document `cold-keys.json`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "model/cold_keys.h"

namespace rebalance {

struct ColdPod {
  SlotSet slots;     // looked through
  SlotSet deleting;  // deletion began there and is not known to have ended: a process died meanwhile
  ColdCount count;
  std::vector<std::string> names;  // of cold keys, printable; only where they were asked for
  std::int64_t names_left_out = 0;
  bool operator==(const ColdPod&) const = default;
};
using ColdPods = std::map<PodName, ColdPod>;

std::string encode_cold_keys(const ColdPods& pods, int idle_seconds);
// kInvalidInput when the text is none of these.
Result<ColdPods> decode_cold_keys(const std::string& text);

}  // namespace rebalance
