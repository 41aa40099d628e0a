// The `status` of a RedisRebalance, as crds/redisrebalances.yaml has it, to JSON and back.
//
// What is written stays under 256 KiB whatever the cluster: lists are cut to what matters most and strings to
// what a person reads; all of it is in the ConfigMap that `plan_config_map` names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/status.h"
#include "base/result.h"
#include "plan/node_rows.h"

namespace rebalance {

// How far it is; times are RFC 3339.
struct ProgressFigures {
  int slots_done = 0, slots_total = 0;
  std::int64_t keys_done = 0, keys_total = 0;
  Bytes bytes_done = 0, bytes_total = 0;
  double bytes_per_second = 0;
  std::optional<double> eta_seconds;
  std::optional<int> batch;        // of the plan, the last one that was started
  std::string last_progress_time;  // empty: nothing moved yet
};

struct StatusDocument {
  RebalanceStatus status;
  std::int64_t observed_generation = 0;
  std::vector<Condition> conditions;
  std::string cluster_name;
  std::string plan_config_map;  // holds all batches; empty: none yet
  std::string initial_layout;   // the ConfigMap of the layout at the start; empty: none yet
  std::string next_try;         // RFC 3339, after the last failure; empty: none is due
  std::string finished;         // RFC 3339, when it came to its end; empty: it did not
  std::string plan_hash;        // read back only; encode_status takes status.plan's
  std::optional<ProgressFigures> progress;
  std::vector<NodeRow> nodes;
  std::vector<LimitRaise> raised;  // in place, and not put back
};

// The JSON of `status` alone, on one line; the same document gives the same bytes.
std::string encode_status(const StatusDocument& document);

// A merge patch that changes status.raisedLimits alone.
std::string raised_limits_patch(const std::string& uid, const std::vector<LimitRaise>& raised);

// What a restart reads again: state, reason and message, conditions, plan hash and approval, when execution
// began and ended, failures, observed generation, and the names of the cluster and of the ConfigMaps.
// status.plan stays empty: the plan itself is in its ConfigMap. An empty object is a status that was never
// written. kInvalidInput: no JSON object, a state that this version does not know, or a field of another
// type.
Result<StatusDocument> decode_status(const std::string& text);

}  // namespace rebalance
