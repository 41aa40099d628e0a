// On which servers a rebalance has switched active defragmentation on, as JSON text.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"

namespace rebalance {

struct DefragNote {
  PodName pod;
  std::string run_id;  // of the server: another process has read its own configuration
  bool operator==(const DefragNote&) const = default;
};

std::string encode_defrag(const std::vector<DefragNote>& notes);
// kInvalidInput when the text is none of these.
Result<std::vector<DefragNote>> decode_defrag(const std::string& text);

}  // namespace rebalance
