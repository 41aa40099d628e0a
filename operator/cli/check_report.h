// What `check` says. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/table.h"
#include "model/cluster.h"
#include "plan/steady.h"

namespace rebalance {

struct BigKeyLine {
  std::string key;  // any bytes
  std::string type;
  Bytes bytes = 0;
  Slot slot = 0;
  PodName pod;
};

struct CheckReport {
  std::vector<Finding> findings;
  std::optional<Steady> steady;
  std::string container;  // whose limit the patch sets
  std::optional<std::vector<BigKeyLine>> big_keys;
  Bytes big_key_threshold = 0;
  bool blocked() const;
};

std::string check_text(const CheckReport& report, const Palette& palette = {});
std::string check_json(
    const CheckReport& report);  // indented, with a line feed; fields as docs/cli.md lists them

// A strategic-merge patch for a StatefulSet's pod template; maxmemory, which no field of a pod holds, is a
// comment.
std::string patch_yaml(const Steady& steady, const std::string& container);

}  // namespace rebalance
